/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disturbed.c - what disturbed a run's workers, over all of them, in a sentence and as JSON. */
#include "disturbed.h"

#include <math.h>
#include <stdio.h>

#include "../bench/say.h"
#include "text.h"

struct disturbed {
	double gap_ns, watch_ns, most_ns; /* of the clock, over all peers */
	double migrations;
	size_t workers, stolen; /* that know it; beside which time was stolen */
};

static struct disturbed disturbed_of(const struct result *result)
{
	struct disturbed all = { .workers = 0 };

	for (size_t i = 0; i < result->worker_count; i++) {
		const struct result_worker *worker = &result->workers[i];
		bool known = false, stolen = false;

		for (unsigned p = 0; worker->ok && p < worker->peers; p++) {
			const struct result_disturbance *d = &worker->disturbance[p];

			if (d->gap_watch_ns > 0 && isfinite(d->gap_ns)) {
				all.gap_ns += d->gap_ns;
				all.watch_ns += d->gap_watch_ns;
				all.most_ns = fmax(all.most_ns, d->gap_most_ns);
			}
			if (isfinite(d->migrations))
				all.migrations += d->migrations;
			known |= isfinite(d->steal_ns);
			stolen |= d->steal_ns > 0;
		}
		all.workers += known;
		all.stolen += stolen;
	}
	return all;
}

char *disturbed_text(const struct result *result, char out[DISTURBED_TEXT])
{
	const struct disturbed all = disturbed_of(result);

	*out = '\0';
	FILE *text = fmemopen(out, DISTURBED_TEXT, "w");
	if (!text)
		return out;
	if (all.watch_ns > 0) {
		char number[TEXT_NUMBER];

		fprintf(text, "gaps of %s %% in the clock",
			text_number(100 * all.gap_ns / all.watch_ns, number));
		if (all.most_ns > 0) {
			char longest[32];

			fprintf(text, " (longest %s)", say_ns(all.most_ns, longest));
		}
	}
	if (all.workers)
		fprintf(text, "%stime stolen beside %zu of %zu workers",
			all.watch_ns > 0 ? ", " : "", all.stolen, all.workers);
	if (all.migrations > 0)
		fprintf(text, "%s%.0f turn%s ended on another CPU",
			all.watch_ns > 0 || all.workers ? ", " : "", all.migrations,
			all.migrations > 1 ? "s" : "");
	fclose(text);
	return out;
}

json_t *disturbed_json(const struct result *result)
{
	const struct disturbed all = disturbed_of(result);
	bool watched = all.watch_ns > 0;

	return json_pack("{s:o, s:o, s:I, s:I, s:f}", "gap_share",
			 watched ? json_real(all.gap_ns / all.watch_ns) : json_null(),
			 "gap_most_ns", watched ? json_real(all.most_ns) : json_null(), "workers",
			 (json_int_t)all.workers, "workers_beside_steal", (json_int_t)all.stolen,
			 "migrations", all.migrations);
}
