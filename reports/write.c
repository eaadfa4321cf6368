/* SPDX-License-Identifier: GPL-3.0-or-later */
/* write.c - report_write: everything is made in a folder of its own and renamed into place when
 * whole, so that a full disk or a signal leaves the report of before. */
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../bench/say.h"
#include "page.h"
#include "tails_text.h"

enum format {
	FORMAT_HTML,
	FORMAT_MARKDOWN,
	FORMAT_CSV,
	FORMAT_SVG,
	FORMAT_PNG,
	FORMAT_HGRM,
	FORMATS
};
static const char *const format_names[FORMATS] = { "html", "md", "csv", "svg", "png", "hgrm" };

struct places {
	char source[NAME_MAX + 1]; /* name of the result file */
	char stem[NAME_MAX + 1];   /* without .ndjson */
	char directory[PATH_MAX];
	char draft[PATH_MAX]; /* the folder everything is made in */
	char files[PATH_MAX]; /* NAME.files */
	char page[PATH_MAX];  /* NAME.html, .md, .csv */
};

static int too_long(void)
{
	say_error("the report's path is too long; give another folder with -o");
	return -1;
}

static int join(char *out, const char *directory, const char *name, const char *suffix)
{
	if (!strcmp(directory, ".")) /* a name reads better than ./name */
		return snprintf(out, PATH_MAX, "%s%s", name, suffix) < PATH_MAX ? 0 : too_long();
	return snprintf(out, PATH_MAX, "%s/%s%s", directory, name, suffix) < PATH_MAX ? 0
										      : too_long();
}

static int find_format(const char *text, enum format *format)
{
	for (*format = 0; *format < FORMATS; (*format)++)
		if (!strcmp(text, format_names[*format]))
			return 0;
	const char *near = say_nearest(text, format_names, FORMATS);
	say_error("--format: there is no format \"%s\"%s%s%s; html, md, csv, svg, png or hgrm",
		  text, near ? ", perhaps \"" : "", near ? near : "", near ? "\"" : "");
	return -1;
}

static int find_places(const struct result *result, const struct report_options *options,
		       enum format format, struct places *p)
{
	char copy[PATH_MAX], folder[PATH_MAX];
	bool stream = !strcmp(result->path, "-") || !*result->path;

	snprintf(copy, sizeof copy, "%s", stream ? "./toll-report" : result->path);
	snprintf(folder, sizeof folder, "%s", copy);
	snprintf(p->source, sizeof p->source, "%s", basename(copy));
	snprintf(p->stem, sizeof p->stem, "%s", p->source);
	char *dot = strrchr(p->stem, '.');
	if (dot && dot != p->stem && (!strcmp(dot, ".ndjson") || !strcmp(dot, ".json")))
		*dot = '\0';
	if (stream)
		snprintf(p->source, sizeof p->source, "standard input");
	if (snprintf(p->directory, sizeof p->directory, "%s",
		     options->directory ? options->directory : dirname(folder)) >= PATH_MAX)
		return too_long();
	if (options->directory && mkdir(p->directory, 0777) && errno != EEXIST) {
		say_error("%s: %m; give a folder that can be written with -o", p->directory);
		return -1;
	}
	char draft[NAME_MAX + 16];
	snprintf(draft, sizeof draft, ".%.200s.XXXXXX", p->stem);
	if (join(p->draft, p->directory, draft, "") ||
	    join(p->files, p->directory, p->stem, ".files") ||
	    join(p->page, p->directory, p->stem,
		 format == FORMAT_MARKDOWN ? ".md"
		 : format == FORMAT_CSV    ? ".csv"
					   : ".html"))
		return -1;
	return 0;
}

static int move(const char *from, const char *to)
{
	if (!rename(from, to))
		return 0;
	say_error("%s: %m; remove what is in the way, or give another folder with -o", to);
	return -1;
}

/* Moves the figures into NAME.files and removes figures of an earlier report that this one has not.
 */
static int publish_files(const struct places *p)
{
	struct dirent *entry;
	char from[PATH_MAX], to[PATH_MAX];
	DIR *folder;
	int status = 0;

	if (mkdir(p->files, 0777) && errno != EEXIST) {
		say_error("%s: %m; give another folder with -o", p->files);
		return -1;
	}
	if (!(folder = opendir(p->files))) {
		say_error("%s: %m; remove it, or give another folder with -o", p->files);
		return -1;
	}
	while (!status && (entry = readdir(folder))) {
		if (!figures_own(entry->d_name))
			continue;
		status = join(from, p->draft, entry->d_name, "");
		if (!status && access(from, F_OK))
			unlinkat(dirfd(folder), entry->d_name, 0);
	}
	closedir(folder);
	if (status || !(folder = opendir(p->draft)))
		return -1;
	while (!status && (entry = readdir(folder))) {
		if (!figures_own(entry->d_name))
			continue;
		status = join(from, p->draft, entry->d_name, "") ||
			 join(to, p->files, entry->d_name, "") || move(from, to);
	}
	closedir(folder);
	return status ? -1 : 0;
}

static int write_page(const struct page *page, const struct places *p, const char *draft,
		      enum format format)
{
	FILE *out = fopen(draft, "we");
	int status = -1;
	errno = 0;
	if (out) {
		status = format == FORMAT_MARKDOWN ? page_markdown(out, page)
			 : format == FORMAT_CSV    ? page_csv(out, page)
						   : page_html(out, page);
		status |= fflush(out);
		status |= fsync(fileno(out));
		status |= fclose(out);
	}
	if (status)
		say_error("%s: %m; make room, or give another folder with -o", p->page);
	return status ? -1 : 0;
}

static void tell(const struct report_options *options, const struct places *p, const char *path,
		 const struct figures *figures, int tails)
{
	size_t drawn = 0;
	char text[PATH_MAX];

	for (size_t i = 0; i < figures->count; i++)
		drawn += figures->figure[i].svg || figures->figure[i].png;
	if (options->json) {
		/* paths may be any bytes, JSON is UTF-8 */
		json_t *object = json_pack("{s:s}", "report", text_clean(path, text, sizeof text));
		if (figures->figure)
			json_object_set_new(object, "files",
					    json_string(text_clean(p->files, text, sizeof text)));
		json_object_set_new(object, "figures", json_integer((json_int_t)drawn));
		if (tails)
			json_object_set_new(object, "tails", json_integer(tails));
		if (*figures->missing)
			json_object_set_new(object, "missing", json_string(figures->missing));
		json_dumpf(object, stdout, 0);
		json_decref(object);
		putchar('\n');
		return;
	}
	if (*figures->missing)
		say_warning("figures: %s", figures->missing);
	printf("%s\n", text_clean(path, text, sizeof text));
	if (tails)
		printf("%d cell%s as HdrHistogram's percentile text (.hgrm)\n", tails,
		       tails == 1 ? "" : "s");
	if (figures->figure && path != p->files)
		printf("%s/  %zu figures as SVG and PNG, their data (.tsv) and scripts (.gp)\n",
		       text_clean(p->files, text, sizeof text), drawn);
}

int report_write(const struct result *result, const struct report_options *options, char *path)
{
	enum format format;
	struct places p = { 0 };
	struct figures figures = { 0 };
	struct arrangement *arrangement = NULL;
	struct level *levels = NULL;
	struct fits *fits = NULL;
	size_t n = 0;
	int status = EXIT_USAGE, tails = 0;
	sigset_t before;

	if (find_format(options->format ? options->format : "html", &format) ||
	    find_places(result, options, format, &p))
		return EXIT_USAGE;
	levels = level_of(result, &n);
	arrangement = levels ? arrange(result, levels, n) : NULL;
	bool models = format != FORMAT_CSV && format != FORMAT_HGRM;
	if (arrangement && models)
		fits = fit_of(result, levels, n, result->seed);
	if (!arrangement || (models && !fits)) {
		say_error("out of memory while making the report");
		goto failed;
	}
	if (draw_folder(p.draft, &before)) {
		say_error("%s: %m; give a folder that can be written with -o", p.directory);
		goto failed;
	}
	bool draws = format == FORMAT_HTML || format == FORMAT_SVG || format == FORMAT_PNG;
	if (draws && figures_make(arrangement, fits, p.draft, format != FORMAT_PNG,
				  format != FORMAT_SVG, &figures))
		goto done;
	if (draw_told_to_end()) /* what is drawn is not whole: the report of before stays */
		goto done;
	struct page page = { .arrangement = arrangement,
			     .levels = levels,
			     .level_count = n,
			     .fits = fits,
			     .figures = &figures,
			     .figures_at = p.draft,
			     .files = strrchr(p.files, '/') ? strrchr(p.files, '/') + 1 : p.files,
			     .source = p.source };
	bool is_page = format != FORMAT_SVG && format != FORMAT_PNG && format != FORMAT_HGRM;
	if (format == FORMAT_HGRM && !arrangement->tail_count) {
		say_error("%s: no operation was stamped; measure with --tails", p.source);
		goto done;
	}
	if (format == FORMAT_HGRM && (tails = tails_export(arrangement, p.draft)) < 0)
		goto done;
	if (!is_page && *figures.missing) {
		say_error("figures: %s", figures.missing);
		goto done;
	}
	char draft[PATH_MAX];
	if (join(draft, p.draft, "page", "") || (is_page && write_page(&page, &p, draft, format)) ||
	    ((draws || tails) && publish_files(&p)) || (is_page && move(draft, p.page)))
		goto done;
	snprintf(path, PATH_MAX, "%s", is_page ? p.page : p.files);
	tell(options, &p, is_page ? p.page : p.files, &figures, tails);
	status = EXIT_FINE;
done:
	draw_remove(p.draft, &before);
failed:
	figures_free(&figures);
	fit_free(fits);
	arrange_free(arrangement);
	free(levels);
	return status;
}
