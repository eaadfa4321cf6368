/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plain.c - a result as Markdown and as CSV. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/say.h"
#include "answer.h"
#include "counts.h"
#include "decomposed.h"
#include "left_out.h"
#include "looks_text.h"
#include "page.h"
#include "tails_text.h"

static void sheet_markdown(FILE *out, const struct sheet *sheet)
{
	struct text_unit unit = sheet_unit(sheet), cpu = sheet_cpu_unit(sheet);
	char size[24], number[TEXT_NUMBER], spread[TEXT_NUMBER], lost[TEXT_NUMBER];

	if (sheet->new_situation) {
		fputs("\n### ", out);
		text_markdown(out, sheet->situation);
		fputs("\n\n", out);
		text_markdown(out, sheet->conditions);
		fprintf(out, "; wait %s\n", sheet->waits);
	}
	fputs("\n", out);
	text_markdown(out, sheet->pattern);
	fprintf(out, ": %s, %s; CPU per message, %s\n\n| variant |", measure_text(sheet->measure),
		unit.name, cpu.name);
	for (size_t s = 0; s < sheet->size_count; s++)
		fprintf(out, " %s |", say_size(sheet->sizes[s], size));
	for (size_t s = 0; s < sheet->size_count; s++)
		fprintf(out, " CPU, %s |", say_size(sheet->sizes[s], size));
	fputs("\n| --- |", out);
	for (size_t s = 0; s < 2 * sheet->size_count; s++)
		fputs(" ---: |", out);
	fputc('\n', out);
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct sheet_row *row = &sheet->rows[r];
		fputs("| ", out);
		text_markdown(out, row->label);
		fputs(" |", out);
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct sheet_cell *cell = &row->cells[s];
			if (!cell->level) {
				fputs(cell->failed ? " failed |" : " – |", out);
				continue;
			}
			struct interval value = measure_value(sheet->measure, cell->level);
			const char *strong = cell->fastest ? "**" : "";
			text_lost(cell->level->lost, cell->level->due, lost);
			fprintf(out, " %s%s%s %s%s%s%s |", strong,
				text_number(value.estimate / unit.scale, number), strong,
				text_spread(value, spread), cell->tied ? " ◃" : "",
				*lost ? " " : "", lost);
		}
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct level *level = row->cells[s].level;
			fprintf(out, " %s |",
				text_number(level ? level->cpu_ns / cpu.scale : NAN, number));
		}
		fputc('\n', out);
	}
}

static void tails_markdown(FILE *out, const struct arrangement *a, const struct sheet *sheet,
			   size_t s)
{
	struct text_unit unit = tails_unit(a, sheet, s);
	char text[TAILS_TEXT];

	fputs("\n", out);
	text_markdown(out, sheet->pattern);
	fprintf(out, " %s, tails: %s, %s\n\n| variant | came |", say_size(sheet->sizes[s], text),
		measure_text(sheet->measure), unit.name);
	for (size_t q = 0; q < TAIL_QUANTILES; q++)
		fprintf(out, " %s |", tails_name(q, text));
	fputs("\n| --- | ---: |", out);
	for (size_t q = 0; q < TAIL_QUANTILES; q++)
		fputs(" ---: |", out);
	fputc('\n', out);
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct tail *tail = tails_at(a, &sheet->rows[r].cells[s]);
		if (!tail)
			continue;
		fputs("| ", out);
		text_markdown(out, sheet->rows[r].label);
		fprintf(out, " | %s |", tails_achieved(tail->level, text));
		for (size_t q = 0; q < TAIL_QUANTILES; q++) {
			const struct tail_value *value = &tail->value[q];
			if (value->why != TAIL_KNOWN) {
				fputs(" – |", out);
				continue;
			}
			fprintf(out, " %s", text_number(value->ns.estimate / unit.scale, text));
			fprintf(out, " %s |", text_spread(value->ns, text));
		}
		fputc('\n', out);
	}
	for (size_t q = 0; q < TAIL_QUANTILES; q++) {
		if (!*tails_missing(a, sheet, s, q, text))
			continue;
		fputs("\n– ", out);
		text_markdown(out, text);
		fputc('\n', out);
	}
}

/* Below the tables of levels. */
static void all_tails_markdown(FILE *out, const struct arrangement *a)
{
	char text[TAILS_TEXT];

	if (!a->tail_count)
		return;
	fputs("\n## Tails\n\n", out);
	text_markdown(out, tails_method(a, text));
	for (int cut = 0; cut < 2; cut++) {
		if (!*(cut ? tails_cut : tails_host)(a, text))
			continue;
		fputs("\n\n", out);
		text_markdown(out, text);
	}
	fputc('\n', out);
	for (size_t i = 0; i < a->sheet_count; i++) {
		bool begun = false;
		for (size_t s = 0; s < a->sheets[i].size_count; s++) {
			if (!tails_rows(a, &a->sheets[i], s))
				continue;
			if (!begun) {
				fputs("\n### ", out);
				text_markdown(out, a->sheets[i].situation);
				fputc('\n', out);
			}
			begun = true;
			tails_markdown(out, a, &a->sheets[i], s);
		}
	}
}

static void reasons_markdown(FILE *out, const char *what, const struct reason list[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "* %zu %s%s: ", list[i].count, what, list[i].count == 1 ? "" : "s");
		text_markdown(out, list[i].text);
		fputs(" (", out);
		text_markdown(out, list[i].keys[0]);
		fputs(list[i].key_count > 1 ? ", …)\n" : ")\n", out);
	}
}

int page_markdown(FILE *out, const struct page *page)
{
	const struct arrangement *a = page->arrangement;
	const struct result *result = a->result;
	char text[512], looks[LOOKS_TEXT];
	size_t n;
	struct sentence *sentences = answer_of(a, page->fits, &n);

	fputs("# What crossing costs on ", out);
	text_markdown(out, result_host(result, "name"));
	fputs("\n\n", out);
	text_markdown(out, result_host(result, "cpu_model"));
	fputs(", ", out);
	text_markdown(out, header_machine(result, text, sizeof text));
	fputs(", Linux ", out);
	text_markdown(out, result_host(result, "kernel"));
	fprintf(out, "; %zu workers, seed %llu, ", result->worker_count,
		(unsigned long long)result->seed);
	text_markdown(out, header_text(result, "created"));
	fputs(", toll ", out);
	text_markdown(out, header_text(result, "toll"));
	if (*looks_text(result, looks))
		fprintf(out, "\n\n%s", looks);
	fputs("\n\n## The answer\n\n", out);
	for (size_t i = 0; i < n; i++) {
		fputs("* ", out);
		text_markdown(out, sentences[i].where);
		fputs(": ", out);
		text_markdown(out, sentences[i].text);
		fputc('\n', out);
	}
	free(sentences);
	fputs("\nRTT is the whole round trip. ± is half of the 95 % interval over workers. Bold: "
	      "fastest of "
	      "its column; ◃: pairs of workers do not tell it from the fastest. What lost more "
	      "than one "
	      "message in a thousand is not ranked.\n\n## Tables\n",
	      out);
	for (size_t i = 0; i < a->sheet_count; i++)
		sheet_markdown(out, &a->sheets[i]);
	all_tails_markdown(out, a);
	int status = counts_markdown(out, a);
	decomposed_markdown(out, a);
	if (a->refused_count || a->failed_count)
		fputs("\n## Left out, and why\n\n", out);
	struct reason *refused = left_out(a, &n);
	reasons_markdown(out, "cell", refused, refused ? n : 0);
	reasons_markdown(out, "failed worker", a->failed, a->failed_count);
	left_out_free(refused, refused ? n : 0);
	return !refused || ferror(out) ? -1 : status;
}

/* Full precision; empty where not known. */
static void csv_number(FILE *out, double value)
{
	fputc(',', out);
	if (isfinite(value))
		fprintf(out, "%.9g", value);
}

static void csv_line(FILE *out, const struct page *page, const struct level *level,
		     const struct counts_columns *columns)
{
	const struct result_cell *of = &page->arrangement->result->cells[level->cell];
	const struct cell *cell = &of->cell;
	char text[CELL_NAME + CELL_OPTIONS + 2];

	text_csv(out, of->key);
	fputc(',', out);
	text_csv(out, cell_variant(cell, text, sizeof text));
	fputc(',', out);
	snprintf(text, sizeof text, "%s%s%s", cell->pattern, *cell->pattern_options ? ":" : "",
		 cell->pattern_options);
	text_csv(out, text);
	fputc(',', out);
	text_csv(out, cell->placement);
	fputs(",\"", out);
	for (unsigned i = 0; i < cell->peers && i < CELL_MOST_PEERS; i++)
		fprintf(out, "%s%d", i ? " " : "", cell->cpus[i]);
	fprintf(out, "\",%llu,%s,%s,%s,%s,%zu,%zu", (unsigned long long)cell->size,
		cell_wait_text(cell, text, sizeof text), cell_spins(cell) ? "spinning" : "sleeping",
		cell->idle == IDLE_AWAKE   ? "awake"
		: cell->idle == IDLE_SLEEP ? "sleep"
					   : "",
		state_text(level->state), level->workers, level->failed);
	fprintf(out, ",%s", quantity_name(of->quantity));
	csv_number(out, level->ns.estimate);
	csv_number(out, level->ns.low);
	csv_number(out, level->ns.high);
	csv_number(out, level->median_ns.estimate);
	csv_number(out, level->median_ns.low);
	csv_number(out, level->median_ns.high);
	csv_number(out, level->bytes_per_s.estimate);
	csv_number(out, level->bytes_per_s.low);
	csv_number(out, level->bytes_per_s.high);
	csv_number(out, level->cpu_ns);
	for (unsigned p = 0; p < cell->peers; p++) {
		fputc(p ? ';' : ',', out);
		if (isfinite(level->cpu_side_ns[p]))
			fprintf(out, "%.9g", level->cpu_side_ns[p]);
	}
	csv_number(out, level->bimodal ? level->mode_ns[0] : NAN);
	csv_number(out, level->bimodal ? level->mode_ns[1] : NAN);
	csv_number(out, level->lost);
	csv_number(out, level->due);
	csv_number(out, level->offered_per_s);
	csv_number(out, level->achieved.estimate);
	const struct tail *tail =
		tail_find(page->arrangement->tails, page->arrangement->tail_count, level);
	for (size_t q = 0; q < TAIL_QUANTILES; q++) {
		bool known = tail && tail->value[q].why == TAIL_KNOWN;
		csv_number(out, known ? tail->value[q].ns.estimate : NAN);
		csv_number(out, known ? tail->value[q].ns.low : NAN);
		csv_number(out, known ? tail->value[q].ns.high : NAN);
	}
	const struct decomposition *d = decomposed_of(page->arrangement, level);
	bool told = d && !*d->why;
	for (unsigned p = 0; p < PARTS; p++)
		csv_number(out, told && isfinite(d->count[p]) ? d->part[p].estimate : NAN);
	csv_number(out, told ? d->predicted.estimate : NAN);
	csv_number(out, told ? d->predicted.low : NAN);
	csv_number(out, told ? d->predicted.high : NAN);
	csv_number(out, told ? d->rest.estimate : NAN);
	csv_number(out, told ? d->floor.estimate : NAN);
	counts_csv(out, columns, level->cell);
	fputs("\r\n", out);
}

int page_csv(FILE *out, const struct page *page)
{
	struct counts_columns *columns = counts_columns(page->arrangement->result);
	if (!columns)
		return -1;
	fputs("cell,variant,pattern,placement,cpus,size_bytes,wait,wait_class,idle,host_state,"
	      "workers,"
	      "failed_workers,quantity,ns,ns_low,ns_high,median_ns,median_ns_low,median_ns_high,"
	      "bytes_per_s,bytes_per_s_low,bytes_per_s_high,cpu_ns_per_message,cpu_ns_of_each_peer,"
	      "mode_low_ns,mode_"
	      "high_ns,lost,due,offered_per_s,achieved_share",
	      out);
	for (size_t q = 0; q < TAIL_QUANTILES; q++) {
		char name[TEXT_NUMBER];
		tails_name(q, name);
		fprintf(out, ",%s_ns,%s_ns_low,%s_ns_high", name, name, name);
	}
	fputs(",own_path_ns,calls_ns,sleeps_ns,switches_ns,lines_ns,predicted_ns,predicted_ns_low,"
	      "predicted_ns_high,unexplained_ns,floor_ns",
	      out);
	counts_csv_head(out, columns);
	fputs("\r\n", out);
	for (size_t i = 0; i < page->level_count; i++)
		csv_line(out, page, &page->levels[i], columns);
	free(columns);
	return ferror(out) ? -1 : 0;
}
