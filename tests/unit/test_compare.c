/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_compare.c - environments, matching of cells, verdicts over runs and over boots, on
 * results whose truth is known. */
#include "analysis/compare.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/environment.h"
#include "bench/say.h"
#include "reports/compare_print.h"
#include "said.h"
#include "synthetic.h"

/* --- results, built ----------------------------------------------------------------------------
 */

struct builder {
	FILE *stream;
	char *text;
	size_t bytes, cells;
	unsigned long visit;
};

/* host: more members, with a comma behind; NULL: none. */
static void begin(struct builder *builder, const char *boot, const char *host, double margin,
		  unsigned seed)
{
	*builder = (struct builder){ 0 };
	builder->stream = open_memstream(&builder->text, &builder->bytes);
	assert_non_null(builder->stream);
	fprintf(builder->stream,
		"{\"kind\":\"header\",\"schema\":1,\"seed\":%u,\"host\":{%s\"boot_id\":%s%s%s},"
		"\"clock\":{},\"plan\":{\"margin\":%.9g,\"cells\":[",
		seed, host ? host : "", boot ? "\"" : "", boot ? boot : "null", boot ? "\"" : "",
		margin);
}

static void add_cell(struct builder *builder, const char *mechanism, unsigned size,
		     const char *quantity)
{
	size_t id = builder->cells++;

	fprintf(builder->stream,
		"%s{\"id\":%zu,\"key\":\"%s/pingpong/same-cpu/%u/block\",\"mechanism\":\"%s\","
		"\"pattern\":\"pingpong\",\"placement\":\"same-cpu\",\"cpus\":[0,0],\"peers\":2,"
		"\"size\":%u,\"wait\":\"block\",\"wait_class\":\"sleeping\",\"copy\":false,"
		"\"touch\":\"all\",\"peers_are\":\"processes\",\"quantity\":\"%s\",\"messages\":2,"
		"\"bytes\":%u}",
		id ? "," : "", id, mechanism, size, mechanism, size, quantity, 2 * size);
}

/* refused: the whole array's text, or NULL. */
static void end_plan(struct builder *builder, const char *refused)
{
	fprintf(builder->stream, "],\"refused\":[%s]}}\n", refused ? refused : "");
}

static void add_worker(struct builder *builder, unsigned cell, double ns, const char *state)
{
	fprintf(builder->stream,
		"{\"kind\":\"worker\",\"cell\":%u,\"round\":0,\"block\":0,\"visit\":%lu,\"state\":"
		"\"ok\",\"operations\":9,\"host_state\":%s,\"batch_ns\":[%.12g]}\n",
		cell, builder->visit++, state ? state : "null", ns);
}

static void add_failed(struct builder *builder, unsigned cell, const char *reason)
{
	fprintf(builder->stream,
		"{\"kind\":\"worker\",\"cell\":%u,\"round\":0,\"block\":0,\"visit\":%lu,\"state\":"
		"\"failed\",\"reason\":\"%s\"}\n",
		cell, builder->visit++, reason);
}

static struct result *end(struct builder *builder)
{
	int fd;

	assert_int_equal(fclose(builder->stream), 0);
	struct result *result = result_read(synthetic_text(builder->text, builder->bytes, &fd));
	close(fd);
	free(builder->text);
	assert_non_null(result);
	return result;
}

/* Of one boot: so many runs a side give a verdict. The first half is the old side. */
enum { RUNS = COMPARE_FEWEST_BOOTS, FILES = 2 * RUNS };

/* Around ns, symmetric, so that the trimmed mean of logs is known: exp(±i × step). */
static void add_workers(struct builder *builder, unsigned cell, double ns, double step,
			const char *state)
{
	for (int i = -5; i <= 5; i++)
		add_worker(builder, cell, ns * exp(i * step), state);
}

/* One cell a factor, pipe at 64, 65, … */
static struct result *simple(const char *boot, unsigned seed, const double ns[], size_t cells)
{
	struct builder builder;

	begin(&builder, boot, NULL, 0.02, seed);
	for (size_t c = 0; c < cells; c++)
		add_cell(&builder, "pipe", 64 + (unsigned)c, "rtt_ns");
	end_plan(&builder, NULL);
	for (size_t c = 0; c < cells; c++)
		add_workers(&builder, (unsigned)c, ns[c], 0.001, NULL);
	return end(&builder);
}

static struct comparison *compare_two(const struct result *old, const struct result *fresh)
{
	const struct compare_options options = { .margin = NAN };
	int status;

	return compare_of(&old, 1, &fresh, 1, &options, &status);
}

static struct comparison *compare_runs(struct result *const files[])
{
	const struct compare_options options = { .margin = NAN };
	int status;

	return compare_of((const struct result *const *)files, RUNS,
			  (const struct result *const *)files + RUNS, RUNS, &options, &status);
}

static void free_runs(struct result *const files[])
{
	for (unsigned f = 0; f < FILES; f++)
		result_free(files[f]);
}

/* Runs of one boot, their levels around the side's: exp(±2 × step), so that the mean is known. */
static void make_runs(struct result *files[], const double old_ns[], const double new_ns[],
		      size_t cells, double step)
{
	for (unsigned f = 0; f < FILES; f++) {
		const double *side = f < RUNS ? old_ns : new_ns;
		double ns[8];
		assert_true(cells <= sizeof ns / sizeof *ns);
		for (size_t c = 0; c < cells; c++)
			ns[c] = side[c] * exp(((int)(f + c) % RUNS - 2) * step);
		files[f] = simple("b", f, ns, cells);
	}
}

static const struct compare_row *row_of(const struct comparison *comparison, const char *key,
					enum host_state state)
{
	for (size_t i = 0; i < comparison->row_count; i++)
		if (strncmp(comparison->rows[i].cell->key, key, strlen(key)) == 0 &&
		    comparison->rows[i].state == state)
			return &comparison->rows[i];
	fail_msg("no row %s", key);
	return NULL;
}

/* --- environments ------------------------------------------------------------------------------
 */

static struct result *with_host(const char *host, unsigned seed)
{
	struct builder builder;

	begin(&builder, "b", host, 0.02, seed);
	end_plan(&builder, NULL);
	return end(&builder);
}

static const char host_a[] =
	"\"name\":\"a\",\"kernel\":\"6.1\",\"kernel_build\":\"#1\",\"smt\":null,"
	"\"memory_bytes\":1000,\"mitigations\":{\"x\":\"PTI\"},\"governor\":\"g\",";
static const char host_b[] = "\"name\":\"b\",\"kernel\":\"6.12\",\"kernel_build\":\"#2\","
			     "\"memory_bytes\":1040,\"mitigations\":{\"x\":\"PTI\",\"new\":\"no\"},"
			     "\"governor\":\"g\",";
static const char host_c[] =
	"\"name\":\"c\",\"kernel\":\"6.1\",\"kernel_build\":\"#1\","
	"\"memory_bytes\":1060,\"mitigations\":{\"x\":\"none\"},\"governor\":\"g\",";

static struct environment *environments(const char *a, const char *b, const char *varies)
{
	struct result *one = with_host(a, 1), *two = with_host(b, 2);
	const struct result *files[] = { one, two };
	struct environment *environment = environment_of(files, 2, varies);

	if (environment) /* the paths go away with their files */
		for (size_t i = 0; i < environment->count; i++)
			environment->differences[i].paths[0] =
				environment->differences[i].paths[1] = "FILE";
	result_free(one);
	result_free(two);
	return environment;
}

static void test_environment(void **state)
{
	(void)state;
	struct environment *e = environments(host_a, host_a, NULL);
	assert_true(e->same);
	assert_int_equal(e->count, 0);
	environment_free(e);

	/* names differ, and 4 % of memory; missing and null are alike */
	e = environments(host_a, host_b, NULL);
	assert_false(e->same);
	assert_int_equal(e->count, 3);
	assert_string_equal(e->differences[0].key, "kernel");
	assert_string_equal(e->differences[0].values[0], "6.1");
	assert_string_equal(e->differences[0].values[1], "6.12");
	assert_string_equal(e->differences[1].key, "kernel_build");
	assert_string_equal(e->differences[2].key, "mitigations.new");
	assert_string_equal(e->differences[2].values[0], "not known");
	assert_string_equal(e->suggestion, "kernel,mitigations");
	environment_free(e);

	/* a kernel that knows of one more weakness is covered by its name */
	e = environments(host_a, host_b, "kernel");
	assert_true(e->same);
	assert_int_equal(e->count, 3);
	assert_true(e->differences[0].varied && e->differences[2].varied);
	assert_string_equal(e->suggestion, "");
	environment_free(e);

	/* one that tells otherwise is not; 6 % of memory is a difference */
	e = environments(host_a, host_c, "kernel");
	assert_false(e->same);
	assert_int_equal(e->count, 2);
	assert_string_equal(e->suggestion, "kernel,memory_bytes,mitigations");
	environment_free(e);
	e = environments(host_a, host_c, "mitigations,memory_bytes");
	assert_true(e->same);
	environment_free(e);
	e = environments(host_a, host_c, "mitigations.x,memory_bytes");
	assert_true(e->same);
	environment_free(e);
}

static void test_varies_unknown(void **state)
{
	(void)state;
	static const struct {
		const char *varies, *says;
	} cases[] = { { "kernle", "\"kernle\", the nearest is \"kernel\"" },
		      { "kernel,governr", "\"governor\"" },
		      { "boot_id", "no part of the environment is called \"boot_id\"" },
		      { "", "called \"\"" } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		said_begin();
		struct environment *e = environments(host_a, host_b, cases[i].varies);
		const char *said = said_end();
		assert_null(e);
		if (!strstr(said, cases[i].says))
			fail_msg("%s: %s", cases[i].varies, said);
	}
}

/* --- runs of one boot --------------------------------------------------------------------------
 */

static void test_one_boot(void **state)
{
	(void)state;
	static const double old_ns[] = { 1000, 1000, 1000, 1000 };
	static const double new_ns[] = { 1050, 900, 1000, 1500 };
	struct result *files[FILES];

	make_runs(files, old_ns, new_ns, 4, 0.001);
	struct comparison *c = compare_runs(files);

	assert_non_null(c);
	assert_int_equal(c->unit, COMPARE_RUNS);
	assert_false(c->margin_afterwards);
	assert_int_equal(c->row_count, 4);
	assert_int_equal(c->count[VERDICT_SLOWER], 2);
	assert_int_equal(c->count[VERDICT_FASTER], 1);
	assert_int_equal(c->count[VERDICT_SAME], 1);
	/* slower by size, faster, same */
	static const char *const order[] = { "/67/", "/64/", "/65/", "/66/" };
	static const double change[] = { 1.5, 1.05, 0.9, 1 };
	for (size_t i = 0; i < 4; i++) {
		const struct compare_row *row = &c->rows[i];
		assert_non_null(strstr(row->cell->key, order[i]));
		assert_true(fabs(row->verdict.log_ratio.estimate - log(change[i])) < 1e-9);
		assert_true(fabs(row->ns[COMPARE_OLD] - 1000) < 1e-6);
		assert_true(fabs(row->ns[COMPARE_NEW] - 1000 * change[i]) < 1e-6);
		assert_int_equal(row->workers[COMPARE_OLD], RUNS * 11);
		assert_int_equal(row->boots[COMPARE_OLD], RUNS);
		assert_false(row->too_few_boots);
		assert_true(row->verdict.log_ratio.low < log(change[i]));
		/* the three that differ are found; one more would have to meet q itself */
		double t = gsl_cdf_tdist_Pinv(0.975, row->verdict.freedom) +
			   gsl_cdf_tdist_Pinv(0.9, row->verdict.freedom);
		assert_true(fabs(row->detectable - t * row->verdict.error) < 1e-12);
	}
	assert_true(fabs(c->shift.estimate - log(1.05) / 2) < 1e-9);
	assert_true(fabs(c->detectable - c->rows[0].detectable) < 1e-9);

	struct compare_gate gate = { 0 };
	assert_int_equal(compare_status(c, &gate), EXIT_FINE);
	gate = (struct compare_gate){ .fail_on_slower = true };
	assert_int_equal(compare_status(c, &gate), EXIT_GATE);
	gate.least = 0.4;
	assert_int_equal(compare_status(c, &gate), EXIT_GATE);
	gate.least = 0.51;
	assert_int_equal(compare_status(c, &gate), EXIT_FINE);
	comparison_free(c);
	free_runs(files);
}

/* Two runs one after the other, and the host was slower in the second: however well the workers of
 * each agree, nothing says that another run would not lie there too. */
static void test_shifted_run(void **state)
{
	(void)state;
	static const double old_ns[] = { 1000, 2000, 3000 }, new_ns[] = { 1300, 2600, 3900 };
	static const struct compare_gate gate = { .fail_on_slower = true };
	struct result *old = simple("b", 1, old_ns, 3), *fresh = simple("b", 2, new_ns, 3);
	struct comparison *c = compare_two(old, fresh);
	const struct compare_report report = { .comparison = c };
	struct compare_notes notes;
	char remark[64];

	assert_int_equal(c->unit, COMPARE_RUNS);
	assert_int_equal(c->count[VERDICT_CANT_TELL], 3);
	for (size_t i = 0; i < 3; i++) {
		const struct verdict *v = &c->rows[i].verdict;
		assert_true(c->rows[i].too_few_boots);
		assert_true(isnan(v->p_difference) && isnan(v->p_same));
		assert_true(fabs(v->log_ratio.estimate - log(1.3)) < 1e-9);
		assert_true(v->log_ratio.low > log(1.29)); /* the workers' alone would tell */
		assert_string_equal(compare_remark(c, &c->rows[i], remark, sizeof remark),
				    "4 more runs a side");
	}
	assert_int_equal(compare_status(c, &gate), EXIT_UNTOLD);
	compare_note(&notes, &report);
	assert_non_null(strstr(notes.text[1], "not side by side: 1 run of old, 1 of new in one "
					      "boot; a verdict takes 5 a side, old and new taking "
					      "turns; --live tells at once"));
	comparison_free(c);
	result_free(old);
	result_free(fresh);
}

/* A host that comes and goes from run to run, by more than the sides differ. */
static void test_unsteady_runs(void **state)
{
	(void)state;
	static const double old_ns[] = { 1000, 2000 }, new_ns[] = { 1050, 2100 };
	struct result *files[FILES];

	make_runs(files, old_ns, new_ns, 2, 0.1);
	struct comparison *c = compare_runs(files);
	char remark[64];
	assert_int_equal(c->count[VERDICT_CANT_TELL], 2);
	for (size_t i = 0; i < 2; i++) {
		assert_false(c->rows[i].too_few_boots);
		compare_remark(c, &c->rows[i], remark, sizeof remark);
		assert_non_null(strstr(remark, "more runs a side"));
	}
	comparison_free(c);
	free_runs(files);
}

/* An emulated kernel counts instructions: all workers agree to the last digit. */
static void test_no_variance(void **state)
{
	(void)state;
	struct builder builder;
	struct result *files[FILES];

	for (unsigned f = 0; f < FILES; f++) {
		begin(&builder, "b", NULL, 0.02, f);
		add_cell(&builder, "pipe", 64, "rtt_ns");
		add_cell(&builder, "pipe", 65, "rtt_ns");
		end_plan(&builder, NULL);
		for (unsigned w = 0; w < 8; w++) {
			add_worker(&builder, 0, 1000, NULL);
			add_worker(&builder, 1, f < RUNS ? 1000 : 1100, NULL);
		}
		files[f] = end(&builder);
	}
	struct comparison *c = compare_runs(files);
	assert_int_equal(row_of(c, "pipe/pingpong/same-cpu/64/", STATE_NONE)->verdict.kind,
			 VERDICT_SAME);
	assert_int_equal(row_of(c, "pipe/pingpong/same-cpu/65/", STATE_NONE)->verdict.kind,
			 VERDICT_SLOWER);
	assert_true(c->detectable == 0);
	comparison_free(c);
	free_runs(files);
}

/* --- host states -------------------------------------------------------------------------------
 */

static void add_state_workers(struct builder *builder, unsigned cell, unsigned near, unsigned far)
{
	for (unsigned i = 0; i < near; i++)
		add_worker(builder, cell, 1000 + i % 7, "\"near\"");
	for (unsigned i = 0; i < far; i++)
		add_worker(builder, cell, 3000 + i % 7, "\"far\"");
}

/* Nothing has changed but how often the host was in which state. */
static void test_states(void **state)
{
	(void)state;
	static const unsigned near[2][3] = { { 30, 38, 30 }, { 10, 30, 0 } };
	static const unsigned far[2][3] = { { 10, 2, 0 }, { 30, 10, 30 } };
	struct builder builder;
	struct result *files[FILES];

	for (unsigned f = 0; f < FILES; f++) {
		unsigned side = f / RUNS;
		begin(&builder, "b", NULL, 0.02, f);
		for (unsigned c = 0; c < 3; c++)
			add_cell(&builder, "pipe", 64 + c, "rtt_ns");
		end_plan(&builder, NULL);
		for (unsigned c = 0; c < 3; c++)
			add_state_workers(&builder, c, near[side][c], far[side][c]);
		files[f] = end(&builder);
	}
	struct comparison *c = compare_runs(files);
	assert_int_equal(c->row_count, 4);
	assert_int_equal(c->count[VERDICT_SAME], 3);
	const struct compare_row *row = row_of(c, "pipe/pingpong/same-cpu/64/", STATE_FAR);
	assert_int_equal(row->workers[COMPARE_OLD], RUNS * 10);
	assert_int_equal(row->workers[COMPARE_NEW], RUNS * 30);
	row_of(c, "pipe/pingpong/same-cpu/64/", STATE_NEAR);
	row_of(c, "pipe/pingpong/same-cpu/65/", STATE_NEAR);
	/* 2 of 40 old ones a run are no tenth, so the 10 new ones have nothing to stand against;
	 * and the cell without a common state names no worker as compared */
	size_t left = 0;
	for (size_t i = 0; i < c->left_out_count; i++)
		if (strstr(c->left_out[i].key, "/65/")) {
			assert_int_equal(c->left_out[i].state, STATE_FAR);
			left += c->left_out[i].workers;
		}
	assert_int_equal(left, RUNS * 12);
	row = row_of(c, "pipe/pingpong/same-cpu/66/", STATE_NONE);
	assert_int_equal(row->verdict.kind, VERDICT_INVALID);
	assert_non_null(strstr(row->verdict.why, "most of old: near, of new: far"));
	comparison_free(c);
	free_runs(files);
}

/* --- boots -------------------------------------------------------------------------------------
 */

enum { MOST_BOOTS = 6, CELLS = 6 };

struct boots {
	struct result *files[COMPARE_SIDES][MOST_BOOTS];
	double mean[COMPARE_SIDES][CELLS][MOST_BOOTS]; /* of logs */
};

/* Cell 0 is 5 % slower on the new side. */
static void make_boots(struct boots *boots, size_t n_old, size_t n_new)
{
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
	const size_t n[] = { n_old, n_new };

	gsl_rng_set(rng, 5);
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (size_t b = 0; b < n[side]; b++) {
			double ns[CELLS];
			char boot[32];
			for (size_t c = 0; c < CELLS; c++) {
				boots->mean[side][c][b] = log(1000) + gsl_ran_gaussian(rng, 0.005) +
							  (side && c == 0 ? log(1.05) : 0);
				ns[c] = exp(boots->mean[side][c][b]);
			}
			snprintf(boot, sizeof boot, "boot-%u-%zu", side, b);
			boots->files[side][b] = simple(boot, side * 100 + (unsigned)b, ns, CELLS);
		}
	gsl_rng_free(rng);
}

static void free_boots(struct boots *boots, size_t n_old, size_t n_new)
{
	for (size_t b = 0; b < n_old; b++)
		result_free(boots->files[COMPARE_OLD][b]);
	for (size_t b = 0; b < n_new; b++)
		result_free(boots->files[COMPARE_NEW][b]);
}

static struct comparison *compare_boots_after(const struct boots *boots, size_t n_old, size_t n_new,
					      const struct comparison *before)
{
	const struct compare_options options = { .margin = NAN, .before = before };
	int status;

	return compare_of((const struct result *const *)boots->files[COMPARE_OLD], n_old,
			  (const struct result *const *)boots->files[COMPARE_NEW], n_new, &options,
			  &status);
}

static struct comparison *compare_boots(const struct boots *boots, size_t n_old, size_t n_new)
{
	return compare_boots_after(boots, n_old, n_new, NULL);
}

/* A look that may spend nothing tells nothing, but what the look before has told stays. */
static void test_told_before(void **state)
{
	(void)state;
	struct boots boots;

	make_boots(&boots, 5, 6);
	struct comparison *before = compare_boots(&boots, 5, 6);
	assert_int_equal(before->count[VERDICT_CANT_TELL], 0);
	boots.files[COMPARE_NEW][5]->spent = 0.05;
	struct comparison *alone = compare_boots(&boots, 5, 6);
	assert_int_equal(alone->count[VERDICT_CANT_TELL], CELLS);
	struct comparison *after = compare_boots_after(&boots, 5, 6, before);
	assert_int_equal(after->count[VERDICT_SLOWER], before->count[VERDICT_SLOWER]);
	assert_int_equal(after->count[VERDICT_SAME], before->count[VERDICT_SAME]);
	assert_true(after->spent == 0.05 && after->spent_before == 0.05);
	comparison_free(after);
	comparison_free(alone);
	comparison_free(before);
	free_boots(&boots, 5, 6);
}

/* What compare_of() says is what verdict_boots() says of the boots' means. */
static void test_boots(void **state)
{
	(void)state;
	struct boots boots;
	const double *old[CELLS], *fresh[CELLS];
	struct verdict expected[CELLS];

	make_boots(&boots, 5, 6);
	for (size_t c = 0; c < CELLS; c++) {
		old[c] = boots.mean[COMPARE_OLD][c];
		fresh[c] = boots.mean[COMPARE_NEW][c];
	}
	verdict_boots(expected, CELLS, old, 5, fresh, 6, 0.02);
	verdict_decide(expected, CELLS, 0.02, 0.05);

	struct comparison *c = compare_boots(&boots, 5, 6);
	assert_non_null(c);
	assert_int_equal(c->unit, COMPARE_BOOTS);
	assert_int_equal(c->boots[COMPARE_OLD], 5);
	assert_int_equal(c->boots[COMPARE_NEW], 6);
	assert_int_equal(c->row_count, CELLS);
	for (size_t i = 0; i < CELLS; i++) {
		char key[64];
		snprintf(key, sizeof key, "pipe/pingpong/same-cpu/%zu/", 64 + i);
		const struct compare_row *row = row_of(c, key, STATE_NONE);
		assert_int_equal(row->boots[COMPARE_OLD], 5);
		assert_int_equal(row->boots[COMPARE_NEW], 6);
		assert_int_equal(row->verdict.kind, expected[i].kind);
		assert_true(fabs(row->verdict.log_ratio.estimate - expected[i].log_ratio.estimate) <
			    1e-9);
		assert_true(fabs(row->verdict.log_ratio.low - expected[i].log_ratio.low) < 1e-9);
		assert_true(fabs(row->verdict.p_difference - expected[i].p_difference) < 1e-6);
		assert_int_equal(row->verdict.kind, i ? VERDICT_SAME : VERDICT_SLOWER);
	}
	comparison_free(c);
	free_boots(&boots, 5, 6);
}

static void test_few_boots(void **state)
{
	(void)state;
	static const size_t n[][2] = { { 1, 1 }, { 2, 2 }, { 1, 6 }, { 4, 6 }, { 6, 3 } };

	for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
		struct boots boots;
		size_t fewer = n[i][0] < n[i][1] ? n[i][0] : n[i][1];
		const struct compare_gate lax = { 0 };
		make_boots(&boots, n[i][0], n[i][1]);
		struct comparison *c = compare_boots(&boots, n[i][0], n[i][1]);
		assert_int_equal(c->count[VERDICT_CANT_TELL], CELLS);
		assert_int_equal(compare_status(c, &lax), EXIT_UNTOLD);
		for (size_t r = 0; r < c->row_count; r++) {
			const struct verdict *v = &c->rows[r].verdict;
			assert_true(c->rows[r].too_few_boots);
			assert_int_equal(v->more, 5 - fewer);
			assert_true(isnan(v->p_difference) && isnan(v->p_same));
			assert_true(isnan(c->rows[r].detectable));
			assert_true(v->log_ratio.low < v->log_ratio.estimate &&
				    v->log_ratio.estimate < v->log_ratio.high);
		}
		/* cell 0, by far the most changed, comes first */
		assert_non_null(strstr(c->rows[0].cell->key, "/64/"));
		assert_true(fabs(c->rows[0].verdict.log_ratio.estimate - log(1.05)) < 0.015);
		if (fewer >= 2) { /* Student's interval over boots, two sides pooled */
			double squares = 0, n_old = (double)n[i][0], n_new = (double)n[i][1];
			for (unsigned side = 0; side < COMPARE_SIDES; side++) {
				double sd = statistics_sd(boots.mean[side][0], n[i][side]);
				squares += sd * sd * ((double)n[i][side] - 1);
			}
			double freedom = n_old + n_new - 2;
			double half = gsl_cdf_tdist_Pinv(0.975, freedom) *
				      sqrt(squares / freedom * (1 / n_old + 1 / n_new));
			struct interval interval = c->rows[0].verdict.log_ratio;
			assert_true(fabs(interval.high - interval.estimate - half) < 1e-9);
		}
		comparison_free(c);
		free_boots(&boots, n[i][0], n[i][1]);
	}
}

/* Files that do not say in which boot they were measured may all be of one. */
static void test_unknown_boots(void **state)
{
	(void)state;
	static const double ns[] = { 1000 };
	struct result *files[6];
	const struct compare_options options = { .margin = NAN };
	int status;

	for (unsigned i = 0; i < 6; i++)
		files[i] = simple(NULL, i, ns, 1);
	struct comparison *c =
		compare_of((const struct result *const *)files, 5,
			   (const struct result *const *)files + 5, 1, &options, &status);
	assert_int_equal(c->unit, COMPARE_BOOTS);
	assert_int_equal(c->boots[COMPARE_OLD], 1);
	assert_int_equal(c->rows[0].verdict.more, 4);
	comparison_free(c);
	for (unsigned i = 0; i < 6; i++)
		result_free(files[i]);
}

/* --- cells that fail, cells that are not there -------------------------------------------------
 */

static void test_invalid(void **state)
{
	(void)state;
	struct builder builder;
	struct result *files[FILES];
	const struct compare_gate gate = { .fail_on_slower = true, .strict = true };

	for (unsigned f = 0; f < FILES; f++) {
		bool fresh = f >= RUNS;
		begin(&builder, "b", NULL, 0.02, f);
		for (unsigned c = 0; c < 4; c++)
			add_cell(&builder, "pipe", 64 + c,
				 fresh && c == 3 ? "per_message_ns" : "rtt_ns");
		end_plan(&builder, NULL);
		for (unsigned c = 0; c < 4; c++) {
			if (!fresh || c != 0)
				add_workers(&builder, c, 1000, 0.001, NULL);
			/* a run: all of the first; 3 of 14, and 2 of 13 of the next two */
			for (unsigned i = 0; fresh && i < (c == 0   ? 4
							   : c == 1 ? 3
							   : c == 2 ? 2
								    : 0);
			     i++)
				add_failed(&builder, c, i ? "later" : "lost <it>");
		}
		files[f] = end(&builder);
	}
	struct comparison *c = compare_runs(files);
	assert_int_equal(c->count[VERDICT_INVALID], 3);
	assert_string_equal(row_of(c, "pipe/pingpong/same-cpu/64/", STATE_NONE)->verdict.why,
			    "new: all 20 workers failed: lost <it>");
	assert_string_equal(row_of(c, "pipe/pingpong/same-cpu/65/", STATE_NONE)->verdict.why,
			    "new: 15 of 70 workers failed, over 20 %: lost <it>");
	const struct compare_row *row = row_of(c, "pipe/pingpong/same-cpu/66/", STATE_NONE);
	assert_int_equal(row->verdict.kind, VERDICT_SAME);
	assert_int_equal(row->failed[COMPARE_NEW], RUNS * 2);
	assert_non_null(strstr(row_of(c, "pipe/pingpong/same-cpu/67/", STATE_NONE)->verdict.why,
			       "quantity"));
	assert_int_equal(compare_status(c, &gate), EXIT_UNTOLD);
	comparison_free(c);
	free_runs(files);
}

static void test_lone(void **state)
{
	(void)state;
	struct builder builder;
	static const char *const names[2][4] = { { "both", "gone", "barred", "late" },
						 { "both", "come", "late", NULL } };
	struct result *files[2];

	for (unsigned f = 0; f < 2; f++) {
		begin(&builder, "b", NULL, 0.02, f);
		for (unsigned c = 0; c < 4 && names[f][c]; c++)
			add_cell(&builder, names[f][c], 64, "rtt_ns");
		end_plan(&builder, f ? "{\"cell\":\"barred/pingpong/same-cpu/64/block\",\"reason\":"
				       "\"no room\"},{\"cell\":\"nowhere\",\"reason\":\"x\"}"
				     : NULL);
		for (unsigned c = 0; c < builder.cells; c++)
			if (!f || strcmp(names[f][c], "late") != 0)
				add_workers(&builder, c, 1000, 0.001, NULL);
		files[f] = end(&builder);
	}
	struct comparison *c = compare_two(files[0], files[1]);
	assert_int_equal(c->row_count, 1);
	assert_int_equal(c->lone_count, 4);
	static const char *const keys[] = { "barred", "come", "gone", "late" };
	static const enum compare_absence why[] = { COMPARE_REFUSED, COMPARE_UNPLANNED,
						    COMPARE_UNPLANNED, COMPARE_UNREACHED };
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(strncmp(c->lone[i].key, keys[i], strlen(keys[i])), 0);
		assert_int_equal(c->lone[i].why, why[i]);
		assert_int_equal(c->lone[i].missing, i == 1 ? COMPARE_OLD : COMPARE_NEW);
	}
	assert_string_equal(c->lone[0].reason, "no room");
	comparison_free(c);

	/* --only */
	const struct compare_options come = { .margin = NAN, .only = "b*/64/*" };
	int status;
	c = compare_of((const struct result *const *)files, 1,
		       (const struct result *const *)files + 1, 1, &come, &status);
	assert_int_equal(c->row_count, 1);
	assert_int_equal(c->lone_count, 1);
	assert_int_equal(c->cells_not_asked, 3);
	comparison_free(c);
	const struct compare_options none = { .margin = NAN, .only = "x*" };
	said_begin();
	c = compare_of((const struct result *const *)files, 1,
		       (const struct result *const *)files + 1, 1, &none, &status);
	assert_non_null(strstr(said_end(), "--only x*"));
	assert_null(c);
	assert_int_equal(status, EXIT_USAGE);
	result_free(files[0]);
	result_free(files[1]);
}

/* --- margins and files -------------------------------------------------------------------------
 */

static struct result *with_margin(double margin, double ns, unsigned seed)
{
	struct builder builder;

	begin(&builder, "b", NULL, margin, seed);
	add_cell(&builder, "pipe", 64, "rtt_ns");
	end_plan(&builder, NULL);
	add_workers(&builder, 0, ns, 0.0003, NULL);
	return end(&builder);
}

static void margin_runs(struct result *files[], double margin, double ns, unsigned seed)
{
	for (unsigned r = 0; r < RUNS; r++)
		files[r] = with_margin(margin, ns * exp(((int)r - 2) * 0.0003), seed + r);
}

static void test_margin(void **state)
{
	(void)state;
	struct result *files[3][RUNS];
	const struct result *const *a = (const struct result *const *)files[0];
	const struct result *const *same = (const struct result *const *)files[1];
	const struct result *const *b = (const struct result *const *)files[2];
	struct compare_options options = { .margin = NAN };
	int status;

	margin_runs(files[0], 0.02, 1000, 10);
	margin_runs(files[1], 0.02, 1010, 20);
	margin_runs(files[2], 0.03, 1020, 30);
	said_begin();
	struct comparison *c = compare_of(a, RUNS, b, RUNS, &options, &status);
	const char *said = said_end();
	assert_null(c);
	assert_int_equal(status, EXIT_ENVIRONMENT);
	assert_non_null(strstr(said, "2 %"));
	assert_non_null(strstr(said, "--margin"));

	options.margin = 0.02;
	c = compare_of(a, RUNS, b, RUNS, &options, &status);
	assert_true(c->margin_afterwards && isnan(c->margin_of_files));
	comparison_free(c);
	c = compare_of(a, RUNS, same, RUNS, &options, &status);
	assert_false(c->margin_afterwards);
	assert_int_equal(c->rows[0].verdict.kind, VERDICT_SAME); /* 1 % */
	comparison_free(c);
	options.margin = 0.003;
	c = compare_of(a, RUNS, same, RUNS, &options, &status);
	assert_true(c->margin_afterwards);
	assert_int_equal(c->rows[0].verdict.kind, VERDICT_SLOWER);
	comparison_free(c);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned r = 0; r < RUNS; r++)
			result_free(files[i][r]);
}

static void test_same_run_twice(void **state)
{
	(void)state;
	static const double ns[] = { 1000 };
	struct result *a = simple("b", 1, ns, 1), *copy = simple("b", 1, ns, 1);
	const struct result *old[] = { a, copy };
	const struct compare_options options = { .margin = NAN };
	int status;

	said_begin();
	struct comparison *c = compare_of(old, 2, old, 1, &options, &status);
	assert_non_null(strstr(said_end(), "same run"));
	assert_null(c);
	/* a file against itself is fine, but is one run; as many as it takes are the same */
	c = compare_two(a, a);
	assert_int_equal(c->count[VERDICT_CANT_TELL], 1);
	comparison_free(c);
	result_free(a);
	result_free(copy);
	struct result *own[RUNS];
	const struct result *runs[RUNS];
	for (unsigned r = 0; r < RUNS; r++)
		runs[r] = own[r] = simple("b", r, ns, 1);
	c = compare_of(runs, RUNS, runs, RUNS, &options, &status);
	assert_int_equal(c->count[VERDICT_SAME], 1);
	comparison_free(c);
	for (unsigned r = 0; r < RUNS; r++)
		result_free(own[r]);
}

/* --- the smallest detectable effect ------------------------------------------------------------
 */

/* Cells that have all changed by just what is said to be found 9 times in 10. */
static void test_power(void **state)
{
	(void)state;
	enum { MANY = 400 };
	static const double truth = 0.0206;
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
	struct builder builder;
	struct result *files[FILES];

	gsl_rng_set(rng, 3);
	for (unsigned f = 0; f < FILES; f++) {
		begin(&builder, "b", NULL, 0.0001, f);
		for (unsigned c = 0; c < MANY; c++)
			add_cell(&builder, "pipe", 100 + c, "rtt_ns");
		end_plan(&builder, NULL);
		for (unsigned c = 0; c < MANY; c++)
			add_workers(
				&builder, c,
				1000 * exp(gsl_ran_gaussian(rng, 0.01) + (f < RUNS ? 0 : truth)),
				0.001, NULL);
		files[f] = end(&builder);
	}
	struct comparison *c = compare_runs(files);
	double found = (double)c->count[VERDICT_SLOWER] / MANY;
	print_message("detectable %.4f, changed by %.4f: %.3f found\n", c->detectable, truth,
		      found);
	assert_true(fabs(c->detectable / truth - 1) < 0.05);
	assert_true(found > 0.86 && found < 0.94);
	assert_true(c->detectable_worst >= c->detectable);
	comparison_free(c);
	free_runs(files);
	gsl_rng_free(rng);
}

/* --- formats -----------------------------------------------------------------------------------
 */

static char *print(const struct compare_report *report, const char *format, size_t *bytes)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, bytes);

	assert_int_equal(compare_print(stream, report, format), 0);
	fclose(stream);
	return text;
}

static void test_formats(void **state)
{
	(void)state;
	static const char *const mechanisms[] = { "a\\\"\\n<script>x(1)", "'; system(\\\"x\\\")",
						  "=cmd|' \\u0007\\u202e" };
	struct builder builder;
	struct result *files[FILES];

	for (unsigned f = 0; f < FILES; f++) {
		begin(&builder, "b", NULL, 0.02, f);
		for (unsigned c = 0; c < 3; c++)
			add_cell(&builder, mechanisms[c], 64, "rtt_ns");
		end_plan(&builder, NULL);
		for (unsigned c = 0; c < 2; c++)
			add_workers(&builder, c, f < RUNS ? 800 : 1000, 0.001, NULL);
		for (unsigned i = 0; i < 5; i++)
			add_failed(&builder, 2, "\\u001b[31m ]]> -- \\ud83d\\ude00 <!-- & @all");
		files[f] = end(&builder);
	}
	struct comparison *c = compare_runs(files);
	assert_int_equal(c->count[VERDICT_SLOWER], 2);
	struct compare_report report = { .comparison = c,
					 .files = { (const struct result *const *)files,
						    (const struct result *const *)files + RUNS },
					 .file_count = { RUNS, RUNS },
					 .gate = { .fail_on_slower = true } };
	for (size_t i = 0; i < compare_format_count; i++) {
		const char *format = compare_formats[i];
		size_t bytes, again;
		/* drawings alone take gnuplot: tests/cli/compare.bats */
		if (strcmp(format, "svg") == 0 || strcmp(format, "png") == 0)
			continue;
		bool tabs = strcmp(format, "html") == 0 || strcmp(format, "tsv") == 0;
		char *text = print(&report, format, &bytes);
		char *twice = print(&report, format, &again);
		assert_int_equal(bytes, again);
		assert_memory_equal(text, twice, bytes);
		for (size_t b = 0; b < bytes; b++)
			if ((unsigned char)text[b] < ' ' && text[b] != '\n' && text[b] != '\r' &&
			    !(tabs && text[b] == '\t'))
				fail_msg("%s: control character %d", format, text[b]);
		if (strcmp(format, "md") == 0 || strcmp(format, "junit") == 0 ||
		    strcmp(format, "html") == 0 || strcmp(format, "tsv") == 0)
			assert_null(strstr(text, "<script>"));
		assert_null(strstr(text, "boots")); /* of one boot it tells of runs */
		free(text);
		free(twice);
	}
	comparison_free(c);
	free_runs(files);
}

static void test_words(void **state)
{
	(void)state;
	static const struct {
		double log_ratio;
		const char *says;
	} cases[] = { { 0.0315, "+3.2 %" },  { -0.00001, "+0.00 %" },
		      { 0.0004, "+0.04 %" }, { -0.6931472, "-50 %" },
		      { 0.6931472, "×2" },   { 40, "×2.4e+17" },
		      { -40, "-100 %" },     { NAN, "-" },
		      { 1e6, "-" } };
	char out[64];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(compare_change(cases[i].log_ratio, out), cases[i].says);
	struct interval interval = { 0.03, 0.029, 0.0315, 20 };
	assert_string_equal(compare_bounds(interval, out, sizeof out), "+2.94 … +3.20 %");
	interval = (struct interval){ 1, NAN, NAN, 1 };
	assert_string_equal(compare_bounds(interval, out, sizeof out), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment),    cmocka_unit_test(test_varies_unknown),
		cmocka_unit_test(test_told_before),    cmocka_unit_test(test_one_boot),
		cmocka_unit_test(test_shifted_run),    cmocka_unit_test(test_unsteady_runs),
		cmocka_unit_test(test_no_variance),    cmocka_unit_test(test_states),
		cmocka_unit_test(test_boots),          cmocka_unit_test(test_few_boots),
		cmocka_unit_test(test_unknown_boots),  cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_lone),           cmocka_unit_test(test_margin),
		cmocka_unit_test(test_same_run_twice), cmocka_unit_test(test_power),
		cmocka_unit_test(test_formats),        cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
