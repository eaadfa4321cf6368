/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_fit.c - cost models and crossovers of curves whose σ, B, breaks and crossovers are known.
 * Outcomes are counted over seeds; a seed gives the same answer always, so the counts do too. */
#include "analysis/fit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/resample.h"
#include "said.h"
#include "synthetic.h"

static const double sizes[] = { 64,   128,  256,   512,   1024,  2048,
				4096, 8192, 16384, 32768, 65536, 131072 };
enum { SIZES = sizeof sizes / sizeof *sizes };

static struct synthetic noisy(const struct synthetic_curve pair[2])
{
	return (struct synthetic){ .curves = pair,
				   .curve_count = 2,
				   .sizes = sizes,
				   .size_count = SIZES,
				   .rounds = 30,
				   .turns = 4,
				   .worker_noise = 0.015,
				   .round_noise = 0.02,
				   .turn_noise = 0.01 };
}

struct analysed {
	struct result *result;
	struct level *levels;
	struct fits *fits;
};

static struct analysed analyse(const struct synthetic *what)
{
	struct analysed a;
	size_t n;
	int fd;

	a.result = result_read(synthetic_file(what, &fd));
	close(fd);
	assert_non_null(a.result);
	a.levels = level_of(a.result, &n);
	a.fits = fit_of(a.result, a.levels, n, a.result->seed);
	assert_non_null(a.fits);
	return a;
}

static void drop(struct analysed *a)
{
	fit_free(a->fits);
	free(a->levels);
	result_free(a->result);
}

static bool holds(struct interval interval, double value)
{
	return interval.low <= value && value <= interval.high;
}

static unsigned trials(void)
{
	return synthetic_under_valgrind() ? 1 : 60;
}

/* At most so many of n trials may miss what should hold in this share: the count that only one
 * honest program in a hundred exceeds, by the normal approximation. */
static void expect(const char *what, unsigned count, unsigned n, double share)
{
	double least = n * share - 2.33 * sqrt(n * share * (1 - share)) - 0.5;

	if (n > 1 && count < least)
		fail_msg("%s: %u of %u, at least %.0f expected", what, count, n, ceil(least));
}

static void test_models(void **state)
{
	(void)state;
	/* a jump down after 8 KiB, as a kernel's larger buffer gives; and one straight line */
	static const struct synthetic_curve pair[] = {
		{ "pipe", { { 8192, 3800, 0.5 }, { 0, 2500, 0.4 } }, 0 },
		{ "unix-stream", { { 0, 7000, 0.25 } }, 0 },
	};
	unsigned right = 0, sigma = 0, bandwidth = 0, stated = 0, band = 0, certain = 0,
		 n = trials();
	struct synthetic what = noisy(pair);

	for (what.seed = 0; what.seed < n; what.seed++) {
		struct analysed a = analyse(&what);
		assert_int_equal(a.fits->fit_count, 2);
		const struct fit *pipe = &a.fits->fit[0], *stream = &a.fits->fit[1];
		assert_string_equal(pipe->curve, "pipe/pingpong/same-cpu/block");
		assert_int_equal(pipe->sizes, SIZES);
		assert_true(pipe->bytes_factor == 2);
		bool found = pipe->segments == 2 && pipe->segment[0].from == 64 &&
			     pipe->segment[0].to == 8192 && pipe->segment[1].from == 16384 &&
			     pipe->segment[1].to == 131072 && stream->segments == 1;
		right += found;
		certain += !pipe->break_uncertain && !stream->break_uncertain;
		if (found) {
			const struct fit_segment *s[] = { &pipe->segment[0], &pipe->segment[1],
							  &stream->segment[0] };
			static const double sigmas[] = { 3800, 2500, 7000 },
					    b[] = { 0.5, 0.4, 0.25 };
			for (size_t k = 0; k < 3; k++) {
				sigma += holds(s[k]->sigma_ns, sigmas[k]);
				/* both ways: B = 2b */
				bandwidth += holds(s[k]->bytes_per_s, 2e9 / b[k]);
				stated += !s[k]->withheld;
			}
		}
		unsigned inside = 0;
		for (size_t i = 0; i < SIZES; i++)
			inside += fabs(log(synthetic_time(&pair[1], sizes[i]) /
					   stream->fitted_ns[i])) <= stream->band[i];
		band += inside == SIZES;
		drop(&a);
	}
	expect("breaks found", right, n, 0.97);
	expect("breaks certain", certain, n, 0.95);
	expect("σ covered", sigma, 3 * right, 0.92);
	expect("B covered", bandwidth, 3 * right, 0.92);
	expect("models stated", stated, 3 * right, 0.99);
	expect("band covers the curve", band, n, 0.92);
}

static void test_exact(void **state)
{
	(void)state;
	/* no noise at all: nothing may divide by it. σ ≥ 0 and b ≥ 0 hold at their bounds */
	static const struct synthetic_curve pair[] = {
		{ "flat", { { 0, 5000, 0 } }, 0 },
		{ "steep", { { 1024, 2000, 0.5 }, { 0, 0, 2 } }, 0 },
	};
	struct synthetic what = noisy(pair);
	what.worker_noise = what.round_noise = what.turn_noise = 0;
	struct analysed a = analyse(&what);
	const struct fit *flat = &a.fits->fit[0], *steep = &a.fits->fit[1];

	assert_int_equal(flat->segments, 1);
	assert_true(fabs(flat->segment[0].sigma_ns.estimate - 5000) < 0.01);
	/* rounding to six digits leaves a slope of nothing, or nearly */
	assert_true(flat->segment[0].bytes_per_s.estimate > 1e15);
	assert_false(flat->segment[0].withheld);
	assert_int_equal(steep->segments, 2);
	assert_true(fabs(steep->segment[0].sigma_ns.estimate - 2000) < 0.1);
	assert_true(fabs(steep->segment[0].bytes_per_s.estimate / 4e9 - 1) < 1e-4);
	assert_true(steep->segment[1].sigma_ns.estimate < 0.1);
	assert_true(fabs(steep->segment[1].bytes_per_s.estimate / 1e9 - 1) < 1e-4);
	assert_int_equal(a.fits->crossover_count, 1);
	/* steep overtakes nothing: it is faster at 64 B … 2 KiB (4096 of 5000), slower from 4 KiB
	 */
	assert_int_equal(a.fits->crossover[0].outcome, CROSSING_ONE);
	assert_int_equal(a.fits->crossover[0].winner, 1);
	assert_true(fabs(a.fits->crossover[0].bytes.estimate - 2500) < 1);
	assert_true(a.fits->crossover[0].share == 1);
	drop(&a);
}

/* Noise pushes σ and 1/b of curves that lack one of them to both sides of 0. */
static void test_bounds(void **state)
{
	(void)state;
	static const struct synthetic_curve pair[] = {
		{ "flat", { { 0, 5000, 0 } }, 0 },
		{ "steep", { { 0, 0, 2 } }, 0 },
	};
	struct synthetic what = noisy(pair);
	unsigned endless = 0, nothing = 0;

	for (what.seed = 0; what.seed < 8; what.seed++) {
		struct analysed a = analyse(&what);
		const struct fit_segment *flat = &a.fits->fit[0].segment[0];
		const struct fit_segment *steep = &a.fits->fit[1].segment[0];
		assert_true(flat->bytes_per_s.estimate > 0 && flat->bytes_per_s.low > 0);
		assert_true(steep->sigma_ns.estimate >= 0 && steep->sigma_ns.low >= 0);
		endless += isinf(flat->bytes_per_s.estimate);
		nothing += steep->sigma_ns.estimate == 0;
		drop(&a);
	}
	assert_true(endless > 0 && nothing > 0);
}

static void test_lack_of_fit(void **state)
{
	(void)state;
	/* seven sizes have room for two segments; five short pieces are no two lines */
	static const struct synthetic_curve pair[] = {
		{ "bent",
		  { { 128, 3000, 0 }, { 256, 3600, 0 }, { 1024, 3000, 0 }, { 0, 3900, 0 } },
		  0 },
		{ "straight", { { 0, 3000, 0.1 } }, 0 },
	};
	struct synthetic what = noisy(pair);
	what.size_count = 5; /* one segment only */
	what.seed = 3;
	struct analysed a = analyse(&what);
	assert_int_equal(a.fits->fit[0].segments, 1);
	assert_true(a.fits->fit[0].segment[0].withheld);
	assert_true(a.fits->fit[0].segment[0].lack_of_fit_p < 0.01);
	assert_false(a.fits->fit[1].segment[0].withheld);
	drop(&a);
}

static void test_too_few(void **state)
{
	(void)state;
	static const struct synthetic_curve pair[] = { { "a", { { 0, 3000, 0.2 } }, 0 },
						       { "b", { { 0, 3000, 0.1 } }, 0 } };
	static const double near[] = { 4095, 4096, 4097 };
	struct synthetic what = noisy(pair);

	what.size_count = 2;
	struct analysed a = analyse(&what);
	assert_int_equal(a.fits->fit_count, 2);
	assert_int_equal(a.fits->fit[0].segments, 0);
	assert_string_equal(a.fits->fit[0].note, "3 sizes are needed, 2 are there");
	drop(&a);

	what.size_count = 3;
	what.sizes = near;
	a = analyse(&what);
	assert_int_equal(a.fits->fit[0].segments, 0);
	assert_string_equal(a.fits->fit[0].note, "the sizes lie too close together");
	drop(&a);

	/* below five rounds nothing is said about what rounds would do */
	what = noisy(pair);
	what.rounds = 4;
	a = analyse(&what);
	assert_int_equal(a.fits->fit[0].segments, 1);
	assert_true(a.fits->fit[0].segment[0].sigma_ns.estimate > 0);
	assert_true(isnan(a.fits->fit[0].segment[0].sigma_ns.low));
	assert_true(isnan(a.fits->crossover[0].share));
	drop(&a);

	what.rounds = 1;
	a = analyse(&what);
	assert_int_equal(a.fits->crossover[0].outcome, CROSSING_UNRESOLVED);
	assert_int_equal(a.fits->crossover[0].more_rounds, 0);
	drop(&a);

	what.rounds = 0;
	a = analyse(&what);
	assert_int_equal(a.fits->fit_count + a.fits->crossover_count, 0);
	said_begin();
	assert_int_equal(fit_print(a.result, a.fits, false), 4);
	assert_non_null(strstr(said_end(), "nothing to fit"));
	drop(&a);
}

/* Counts right outcomes, intervals that hold the place, and adds up their widths in octaves. */
struct tally {
	unsigned right, covered;
	double octaves;
};

static struct tally tally(const struct synthetic_curve pair[2], enum crossing outcome, int winner,
			  double place)
{
	struct synthetic what = noisy(pair);
	struct tally tally = { 0 };

	for (what.seed = 0; what.seed < trials(); what.seed++) {
		struct analysed a = analyse(&what);
		assert_int_equal(a.fits->crossover_count, 1);
		const struct crossover *c = &a.fits->crossover[0];
		assert_int_equal(c->points, SIZES);
		if (c->outcome == outcome && c->winner == winner) {
			tally.right++;
			tally.covered += holds(c->bytes, place);
			tally.octaves += log2(c->bytes.high / c->bytes.low);
		}
		drop(&a);
	}
	return tally;
}

static void test_crossover_once(void **state)
{
	(void)state;
	/* 3800 + 0.5 x = 7000 + 0.25 x at 12800; the cost model's line breaks elsewhere */
	static const struct synthetic_curve pair[] = {
		{ "pipe", { { 65536, 3800, 0.5 }, { 0, 20000, 0.5 } }, 0 },
		{ "unix-stream", { { 512, 6000, 0.25 }, { 0, 7000, 0.25 } }, 0 },
	};
	struct tally t = tally(pair, CROSSING_ONE, -1, 12800);
	expect("one crossover", t.right, trials(), 0.97);
	expect("place covered", t.covered, t.right, 0.92);
	assert_true(t.octaves / t.right < 0.15);
}

static void test_crossover_never(void **state)
{
	(void)state;
	/* 4 % apart everywhere, twice the margin */
	static const struct synthetic_curve pair[] = {
		{ "a", { { 0, 3952, 0.26 } }, 0 },
		{ "b", { { 0, 3800, 0.25 } }, 0 },
	};
	struct tally t = tally(pair, CROSSING_NEVER, 1, 0);
	expect("never", t.right, trials(), 0.97);
}

static void test_crossover_tie(void **state)
{
	(void)state;
	/* the same up to 2 KiB, then a loses */
	static const struct synthetic_curve pair[] = {
		{ "a", { { 2048, 3800, 0.5 }, { 0, 3800, 0.6 } }, 0 },
		{ "b", { { 0, 3800, 0.5 } }, 0 },
	};
	struct synthetic what = noisy(pair);
	unsigned right = 0, n = trials();

	for (what.seed = 0; what.seed < n; what.seed++) {
		struct analysed a = analyse(&what);
		const struct crossover *c = &a.fits->crossover[0];
		/* the smallest size may be left out for want of rounds, 4 KiB (7 % apart) never be
		 * in */
		right += c->outcome == CROSSING_TIE && c->bytes.low <= 128 &&
			 c->bytes.high == 2048 && c->winner == 1;
		drop(&a);
	}
	expect("tie, then b", right, n, 0.97);
}

static void test_crossover_tie_everywhere(void **state)
{
	(void)state;
	/* half a per cent apart */
	static const struct synthetic_curve pair[] = {
		{ "a", { { 0, 3800, 0.25 } }, 0 },
		{ "b", { { 0, 3819, 0.25125 } }, 0 },
	};
	struct synthetic what = noisy(pair);
	unsigned right = 0, n = trials() / 2 + 1;

	for (what.seed = 0; what.seed < n; what.seed++) {
		struct analysed a = analyse(&what);
		const struct crossover *c = &a.fits->crossover[0];
		right +=
			c->outcome == CROSSING_TIE && c->bytes.low <= 128 && c->bytes.high >= 65536;
		drop(&a);
	}
	expect("tie everywhere", right, n, 0.97);
}

static void test_crossover_outside(void **state)
{
	(void)state;
	/* 3800 + 0.5 x = 23800 + 0.4 x at 200000, beyond 128 KiB */
	static const struct synthetic_curve pair[] = {
		{ "a", { { 0, 3800, 0.5 } }, 0 },
		{ "b", { { 0, 23800, 0.4 } }, 0 },
	};
	struct tally t = tally(pair, CROSSING_OUTSIDE, -1, 200000);
	expect("outside", t.right, trials(), 0.97);
	expect("place covered", t.covered, t.right, 0.9);
}

static void test_crossover_several(void **state)
{
	(void)state;
	static const struct synthetic_curve pair[] = {
		{ "a", { { 512, 4200, 0.5 }, { 8192, 3800, 0.4 }, { 0, 4000, 0.6 } }, 0 },
		{ "b", { { 0, 4000, 0.5 } }, 0 },
	};
	struct tally t = tally(pair, CROSSING_SEVERAL, 1, 0);
	expect("several", t.right, trials(), 0.97);
}

/* Curves that break between two sizes may cross anywhere there: the interval has to say so. */
static void test_crossover_at_a_jump(void **state)
{
	(void)state;
	static const struct synthetic_curve pair[] = {
		{ "a", { { 8192, 3000, 0.5 }, { 0, 9000, 0.5 } }, 0 },
		{ "b", { { 0, 4000, 0.5 } }, 0 },
	};
	struct tally t = tally(pair, CROSSING_ONE, -1, 8193);
	expect("one crossover", t.right, trials(), 0.97);
	expect("the jump covered", t.covered, t.right, 0.97);
}

/* Between sizes far apart nobody knows the way of a curve; at 3200 bytes these two do cross. */
static void test_crossover_far_apart(void **state)
{
	(void)state;
	static const double apart[] = { 64, 128, 65536, 131072 };
	static const struct synthetic_curve pair[] = {
		{ "a", { { 3200, 3000, 0.5 }, { 0, 4000, 0.5 } }, 0 },
		{ "b", { { 0, 4000, 0.4 } }, 0 },
	};
	struct synthetic what = noisy(pair);
	what.sizes = apart;
	what.size_count = 4;
	struct analysed a = analyse(&what);
	const struct crossover *c = &a.fits->crossover[0];
	assert_int_equal(c->outcome, CROSSING_ONE);
	assert_true(holds(c->bytes, 3200));
	assert_true(holds(c->bytes, c->bytes.estimate));
	assert_non_null(strstr(a.fits->fit[0].note, "sizes up to 512× apart hide breaks"));
	drop(&a);
}

static void test_crossover_unresolved(void **state)
{
	(void)state;
	/* 2 % apart, at the margin itself, with few rounds; the rounds announced resolve it */
	static const struct synthetic_curve pair[] = {
		{ "a", { { 0, 3800, 0.25 } }, 0 },
		{ "b", { { 0, 3914, 0.2575 } }, 0 },
	};
	unsigned unresolved = 0, resolved = 0, n = synthetic_under_valgrind() ? 1 : 16;

	for (unsigned seed = 0; seed < n; seed++) {
		struct synthetic what = noisy(pair);
		what.seed = seed;
		what.rounds = 8;
		struct analysed a = analyse(&what);
		const struct crossover *c = &a.fits->crossover[0];
		unsigned more = c->outcome == CROSSING_UNRESOLVED ? c->more_rounds : 0;
		drop(&a);
		if (!more || more > 400)
			continue;
		unresolved++;
		what.rounds += more;
		a = analyse(&what);
		resolved += a.fits->crossover[0].outcome == CROSSING_NEVER;
		drop(&a);
	}
	assert_true(n == 1 || unresolved >= n / 2);
	expect("resolved by the rounds announced", resolved, unresolved, 0.75);
}

/* Curves of one host state are compared with each other only. */
static void test_states_apart(void **state)
{
	(void)state;
	static const struct synthetic_curve pair[] = {
		{ "pipe", { { 0, 3800, 0.5 } }, 0 },
		{ "unix-stream", { { 0, 7000, 0.25 } }, 0 },
	};
	struct synthetic what = noisy(pair);
	what.far_share = 0.5;
	what.far_factor = 5;
	struct analysed a = analyse(&what);
	assert_int_equal(a.fits->fit_count, 4);
	assert_int_equal(a.fits->crossover_count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct crossover *c = &a.fits->crossover[i];
		assert_int_equal(a.fits->fit[c->a].state, a.fits->fit[c->b].state);
		assert_int_equal(c->outcome, CROSSING_ONE);
		assert_true(c->log_ratio[0].n < what.rounds);
	}
	const struct fit *near = &a.fits->fit[0], *far = &a.fits->fit[2];
	assert_true(near->state == STATE_NEAR && far->state == STATE_FAR);
	assert_true(fabs(far->segment[0].sigma_ns.estimate / near->segment[0].sigma_ns.estimate -
			 5) < 0.3);
	drop(&a);
}

/* Twins of an A/A pair have models, and no crossover. */
static void test_twins(void **state)
{
	(void)state;
	static const struct synthetic_curve pair[] = {
		{ "pipe", { { 0, 3800, 0.5 } }, 0 },
		{ "pipe", { { 0, 3800, 0.5 } }, 1 },
	};
	struct synthetic what = noisy(pair);
	struct analysed a = analyse(&what);
	assert_int_equal(a.fits->fit_count, 2);
	assert_int_equal(a.fits->crossover_count, 0);
	drop(&a);
}

/* What a file of 100 curves holds in pairs is more than is looked at: those with the fastest are.
 */
static void test_many_curves(void **state)
{
	(void)state;
	enum { CURVES = 30 };
	struct synthetic_curve many[CURVES];
	char names[CURVES][8];

	for (size_t i = 0; i < CURVES; i++) {
		snprintf(names[i], sizeof names[i], "m%zu", i);
		many[i] = (struct synthetic_curve){
			names[i], { { 0, 3000 + 100 * (double)i, 0.5 - 0.003 * (double)i } }, 0
		};
	}
	struct synthetic what = noisy(many);
	what.curve_count = CURVES;
	what.size_count = 4;
	what.rounds = 6;
	struct analysed a = analyse(&what);
	assert_int_equal(a.fits->fit_count, CURVES);
	assert_int_equal(a.fits->crossover_count, 300);
	assert_int_equal(a.fits->crossover_skipped, CURVES * (CURVES - 1) / 2 - 300);
	unsigned with_fastest = 0;
	for (size_t i = 0; i < a.fits->crossover_count; i++)
		with_fastest += !strncmp(a.fits->fit[a.fits->crossover[i].a].curve, "m0/", 3);
	assert_int_equal(with_fastest, CURVES - 1);
	drop(&a);
}

/* What fit_print() writes for a file and a seed; the caller frees it. */
static char *printed(const struct synthetic *what, bool json)
{
	char *text = calloc(1, 1 << 18);
	int fd = memfd_create("printed", MFD_CLOEXEC), kept;
	struct analysed a = analyse(what);

	snprintf(a.result->path, sizeof a.result->path, "x.ndjson");
	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	int status = fit_print(a.result, a.fits, json);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	assert_int_equal(status, 0);
	assert_non_null(text);
	assert_true(pread(fd, text, (1 << 18) - 1, 0) > 0);
	close(fd);
	drop(&a);
	return text;
}

static void test_print(void **state)
{
	(void)state;
	static const struct synthetic_curve pair[] = {
		{ "pipe", { { 8192, 3800, 0.5 }, { 0, 2500, 0.55 } }, 0 },
		{ "unix-stream", { { 0, 7000, 0.25 } }, 0 },
	};
	struct synthetic what = noisy(pair);
	what.worker_noise = what.turn_noise = 0.001;
	char *text = printed(&what, false);
	static const char *const words[] = {
		"pingpong, same-cpu, cpus=0,0, sleeping; time of a round trip",
		"64 B – 8 KiB",
		"16 KiB – 128 KiB",
		"unix-stream overtakes pipe at ",
		"(bootstrap share 100 %)",
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strstr(text, words[i]))
			fail_msg("\"%s\" is not in:\n%s", words[i], text);
	free(text);

	/* the same file and seed: the same bytes */
	char *json = printed(&what, true), *again = printed(&what, true);
	assert_string_equal(json, again);
	json_t *object = json_loads(json, 0, NULL);
	assert_non_null(object);
	const char *outcome, *winner;
	double sigma, place;
	assert_int_equal(json_unpack(object, "{s:[{s:[{s:{s:F}}]}], s:[{s:s, s:s, s:{s:F}}]}",
				     "fits", "segments", "sigma_ns", "estimate", &sigma,
				     "crossovers", "outcome", &outcome, "winner", &winner, "bytes",
				     "estimate", &place),
			 0);
	assert_true(fabs(sigma / 3800 - 1) < 0.01);
	assert_string_equal(outcome, "one");
	assert_string_equal(winner, "a");
	assert_true(place > 8192 && place < 16384);
	json_decref(object);
	free(json);
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_lack_of_fit),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_crossover_once),
		cmocka_unit_test(test_crossover_never),
		cmocka_unit_test(test_crossover_tie),
		cmocka_unit_test(test_crossover_tie_everywhere),
		cmocka_unit_test(test_crossover_outside),
		cmocka_unit_test(test_crossover_several),
		cmocka_unit_test(test_crossover_at_a_jump),
		cmocka_unit_test(test_crossover_far_apart),
		cmocka_unit_test(test_crossover_unresolved),
		cmocka_unit_test(test_states_apart),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_many_curves),
		cmocka_unit_test(test_print),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
