/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_tails.c - quantiles of histograms whose answers are known, and their intervals over workers.
 */
#include "analysis/tails.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/tails_text.h"
#include "said.h"
#include "synthetic.h"

/* Of the header that synthetic.h writes. */
static const double tick_ns = 1 / 2.1, clock_ns = 11.5;
static const double sizes[] = { 64 };
static const struct synthetic_curve curves[] = { { "pipe", { { 0, 5000, 0 } }, 0 } };
static const struct synthetic header = {
	.curves = curves, .curve_count = 1, .sizes = sizes, .size_count = 1, .rounds = 1
};

/* A worker whose operations took less than x ns with probability F(x / scale): its histogram as
 * toll_stamp() would have filled it, in expectation. */
struct worker {
	double operations, scale;
	double (*distribution)(double x);
	double gap_ns;
};

static double exponential(double x)
{
	return 1 - exp(-x / 5000);
}

static double exponential_at(double p)
{
	return -5000 * log(1 - p);
}

/* Where bucket i begins, ticks: as histogram_of() has it. */
static double begins(unsigned i)
{
	unsigned shift = i < 256 ? 0 : i / 128 - 1;

	return ldexp((double)(i - shift * 128), (int)shift);
}

static void write_worker(FILE *file, const struct worker *worker, unsigned round)
{
	fprintf(file,
		"{\"kind\":\"worker\",\"cell\":0,\"round\":%u,\"block\":0,\"visit\":%u,"
		"\"state\":\"ok\",\"operations\":16,\"batch_ns\":[5000],\"offered_per_s\":1000,"
		"\"achieved_per_s\":%g,\"disturbance\":[{\"gap_watch_ns\":200000,"
		"\"gap_most_ns\":%g},{}],\"histogram\":{\"step\":0.0078125,\"low_ns\":[",
		round, round, 990 + round % 2 * 10.0, worker->gap_ns);
	for (unsigned pass = 0; pass < 2; pass++) {
		double before = 0;
		const char *comma = "";
		for (unsigned i = 0; i < 6144; i++) {
			double end = begins(i + 1) * tick_ns / worker->scale;
			double share = worker->distribution(end);
			double count = floor(share * worker->operations + 0.5) -
				       floor(before * worker->operations + 0.5);
			before = share;
			if (count < 1)
				continue;
			if (pass == 0)
				fprintf(file, "%s%.8g", comma, begins(i) * tick_ns);
			else
				fprintf(file, "%s%.0f", comma, count);
			comma = ",";
		}
		fputs(pass ? "]}}\n" : "],\"count\":[", file);
	}
}

static struct result *make(const struct worker workers[], unsigned n)
{
	char *text = NULL;
	size_t length;
	int fd;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	synthetic_header(file, &header);
	for (unsigned i = 0; i < n; i++)
		write_worker(file, &workers[i], i);
	fclose(file);
	struct result *result = result_read(synthetic_text(text, length, &fd));
	close(fd);
	free(text);
	assert_non_null(result);
	assert_int_equal(result->worker_count, n);
	return result;
}

static struct tail *tail_of(const struct result *result, struct level **levels)
{
	size_t n;

	*levels = level_of(result, &n);
	assert_non_null(*levels);
	assert_int_equal(n, 1);
	struct tail *tails = tails_of(result, *levels, n, &n);
	assert_non_null(tails);
	assert_int_equal(n, 1);
	assert_ptr_equal(tail_find(tails, n, *levels), tails);
	return tails;
}

static void test_width(void **state)
{
	(void)state;
	const struct worker one = { 1000, 1, exponential, 0 };
	struct result *result = make(&one, 1);

	for (unsigned i = 0; i < 5000; i++) {
		double width = (begins(i + 1) - begins(i)) * tick_ns;
		char text[32];
		/* as it stands in a file */
		snprintf(text, sizeof text, "%.8g", begins(i) * tick_ns);
		double is = tail_width(result, strtod(text, NULL), 1.0 / 128);
		if (fabs(is / width - 1) > 1e-5)
			fail_msg("bucket %u is %g ns wide, not %g", i, width, is);
		/* a hundredth at most, or one tick */
		assert_true(width <= 0.01 * begins(i) * tick_ns || width < 1.001 * tick_ns);
	}
	result_free(result);
}

static void test_one_worker(void **state)
{
	(void)state;
	const struct worker one = { 1e6, 1, exponential, 0 };
	struct result *result = make(&one, 1);
	struct level *levels;
	struct tail *tail = tail_of(result, &levels);

	assert_int_equal(tail->workers, 1);
	assert_true(fabs(tail->operations - 1e6) < 2 && tail->clock_ns == clock_ns);
	for (size_t q = 0; q < TAIL_QUANTILES; q++) {
		const struct tail_value *value = &tail->value[q];
		double truth = exponential_at(tail_quantiles[q]);
		assert_int_equal(value->why, TAIL_KNOWN);
		assert_true(fabs(value->raw_ns.estimate / truth - 1) < 0.004);
		assert_true(fabs(value->ns.estimate - (value->raw_ns.estimate - clock_ns)) < 1e-6);
		/* one worker says nothing of others */
		assert_true(isnan(value->ns.low) && value->ns.n == 1);
	}
	/* in proportion between a bucket's ends */
	struct result_worker two = { .bucket_count = 2, .bucket_step = 1.0 / 128 };
	struct result_bucket buckets[] = { { 1000, 50 }, { 2000, 50 } };
	two.buckets = buckets;
	double width = tail_width(result, 1000, 1.0 / 128);
	assert_true(fabs(tail_quantile(result, &two, 0.25) - (1000 + width / 2)) < 1e-9);
	assert_true(fabs(tail_quantile(result, &two, 0.5) - (1000 + width)) < 1e-9);
	assert_true(tail_quantile(result, &two, 0) == 1000);
	assert_true(tail_quantile(result, &two, 1) == 2000 + tail_width(result, 2000, 1.0 / 128));
	two.bucket_count = 0;
	assert_true(isnan(tail_quantile(result, &two, 0.5)));
	free(tail);
	free(levels);
	result_free(result);
}

/* The interval is that of the workers' own quantiles: many operations do not narrow it. */
static void test_workers(void **state)
{
	(void)state;
	enum { N = 8 };
	struct worker workers[N];
	double logs[N];
	struct level *levels;

	for (unsigned i = 0; i < N; i++) {
		workers[i] = (struct worker){ 2e5, exp((i - 3.5) * 0.05), exponential, 0 };
		logs[i] = log(workers[i].scale * exponential_at(0.999) - clock_ns);
	}
	struct result *result = make(workers, N);
	struct tail *tail = tail_of(result, &levels);
	struct interval t = statistics_t(logs, N, 0.95);
	const struct tail_value *value = &tail->value[3];

	assert_int_equal(value->ns.n, N);
	assert_true(fabs(value->ns.estimate / exp(t.estimate) - 1) < 0.004);
	assert_true(fabs(value->ns.low / exp(t.low) - 1) < 0.006);
	assert_true(fabs(value->ns.high / exp(t.high) - 1) < 0.006);
	/* every second worker got 99 % of what was offered */
	assert_true(levels->offered_per_s == 1000);
	assert_true(fabs(levels->achieved.estimate - 0.995) < 1e-9);

	struct tail_value points[TAIL_POINTS];
	size_t n = tail_curve(result, tail, points);
	/* 200000 operations: 1 − p from 10 / 200000 on, which 14 halvings and two steps come to */
	assert_int_equal(n, 14 * 5 + 2);
	for (size_t i = 1; i < n; i++) {
		assert_true(points[i].p > points[i - 1].p);
		assert_true(points[i].ns.estimate >= points[i - 1].ns.estimate);
	}
	assert_true(points[5].p == 0.5 && points[10].p == 0.75);
	assert_true(fabs(points[5].ns.estimate / tail->value[0].ns.estimate - 1) < 1e-9);

	struct result_bucket *merged = tail_merged(result, tail, &n);
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		sum += merged[i].count;
		assert_true(!i || merged[i].low_ns > merged[i - 1].low_ns * 1.001);
	}
	assert_true(fabs(sum - tail->operations) < 0.5);
	free(merged);
	free(tail);
	free(levels);
	result_free(result);
}

static void test_refused(void **state)
{
	(void)state;
	struct worker workers[3] = { { 100100, 1, exponential, 0 },
				     { 100100, 1, exponential, 0 },
				     { 9900, 1, exponential, 80e3 } };
	struct level *levels;
	char reason[256];
	struct result *result = make(workers, 2);
	struct tail *tail = tail_of(result, &levels);

	assert_int_equal(tail->value[4].why, TAIL_KNOWN);
	struct tail_host host = tail_host_of(result);
	assert_int_equal(host.watches, 2);
	assert_int_equal(host.with_gap, 0);
	free(tail);
	free(levels);
	result_free(result);

	/* one that has fewer: none is chosen by its speed */
	result = make(workers, 3);
	tail = tail_of(result, &levels);
	assert_int_equal(tail->value[2].why, TAIL_KNOWN);
	assert_int_equal(tail->value[3].why, TAIL_FEW);
	assert_int_equal(tail->value[4].why, TAIL_FEW);
	assert_true(isnan(tail->value[3].ns.estimate));
	assert_string_equal(tail_reason(tail, 3, reason, sizeof reason),
			    "p99.9 takes 10000 operations of every worker, the one with fewest has "
			    "9900");
	assert_string_equal(tail_reason(tail, 0, reason, sizeof reason), "");
	host = tail_host_of(result);
	assert_int_equal(host.with_gap, 1);
	assert_true(host.most_ns == 80e3);
	free(tail);
	free(levels);
	result_free(result);

	/* 11.5 ns of 345 are over 2 %: the median is refused, the rest is not */
	workers[0].scale = workers[1].scale = 0.1;
	result = make(workers, 2);
	tail = tail_of(result, &levels);
	assert_int_equal(tail->value[0].why, TAIL_CLOCK);
	assert_int_equal(tail->value[1].why, TAIL_KNOWN);
	assert_true(tail->value[0].raw_ns.estimate > 340);
	assert_true(strstr(tail_reason(tail, 0, reason, sizeof reason), "over 2 %"));
	free(tail);
	free(levels);
	result_free(result);
}

/* Turns of 16 messages at 1000 a second: who waited for over 1.6 ms has lost some at a turn's end.
 */
static void test_cut(void **state)
{
	(void)state;
	struct worker workers[2] = { { 1e5, 1, exponential, 0 }, { 1e5, 1, exponential, 0 } };
	struct level *levels;
	struct result *result = make(workers, 2);
	struct tail *tail = tail_of(result, &levels);

	assert_int_equal(tail_cut_of(result, tail, 1).workers, 0);
	free(tail);
	free(levels);
	result_free(result);

	workers[1].scale = 60;
	result = make(workers, 2);
	tail = tail_of(result, &levels);
	struct tail_cut cut = tail_cut_of(result, tail, 1);
	assert_int_equal(cut.workers, 1);
	assert_true(fabs(cut.turn_ns - 16e6) < 1 && cut.most_ns > 3e6 && cut.most_ns < 4e6);
	/* a queue that only grows is said to be one */
	levels->achieved.estimate = 0.7;
	assert_int_equal(tail_cut_of(result, tail, 1).workers, 0);
	free(tail);
	free(levels);
	result_free(result);
}

static void refuse_histogram(const char *histogram, const char *what)
{
	char *text = NULL;
	size_t length;
	int fd;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	synthetic_header(file, &header);
	fprintf(file,
		"{\"kind\":\"worker\",\"cell\":0,\"round\":0,\"block\":0,\"visit\":0,\"state\":"
		"\"ok\","
		"\"operations\":16,\"batch_ns\":[5000],\"histogram\":%s}\n",
		histogram);
	fclose(file);
	said_begin();
	struct result *result = result_read(synthetic_text(text, length, &fd));
	const char *said = said_end();
	close(fd);
	free(text);
	result_free(result);
	if (result || !strstr(said, what))
		fail_msg("%s: \"%s\" is not in \"%s\"", histogram, what, said);
}

static void test_not_a_histogram(void **state)
{
	(void)state;
	refuse_histogram("7", "histogram: not an object");
	refuse_histogram("{}", "histogram.step: missing");
	refuse_histogram("{\"step\":0.01,\"low_ns\":[1,2],\"count\":[1]}",
			 "histogram.count: 1 of them for 2 buckets");
	refuse_histogram("{\"step\":0.01,\"low_ns\":[2,1],\"count\":[1,1]}",
			 "histogram.low_ns: 1 after 2");
	refuse_histogram("{\"step\":0.01,\"low_ns\":[2,2],\"count\":[1,1]}", "histogram.low_ns");
	refuse_histogram("{\"step\":0.01,\"low_ns\":[-1],\"count\":[1]}", "histogram.low_ns");
	refuse_histogram("{\"step\":0.01,\"low_ns\":[1],\"count\":[0]}", "histogram.count: 0");
	refuse_histogram("{\"step\":2,\"low_ns\":[1],\"count\":[1]}", "histogram.step: 2");
	refuse_histogram("{\"step\":0.01,\"low_ns\":[\"1\"],\"count\":[1]}", "histogram.low_ns");
}

/* HdrHistogram's text: its columns, its trailer. */
static void test_export(void **state)
{
	(void)state;
	const struct worker workers[] = { { 1e5, 1, exponential, 0 }, { 1e5, 1, exponential, 0 } };
	struct result *result = make(workers, 2);
	char folder[] = "/tmp/toll-tails-XXXXXX", path[128], line[256];
	struct level *levels;
	size_t n, lines = 0;
	double before = -1, last = 0, total = 0, mean = 0;

	assert_non_null(mkdtemp(folder));
	levels = level_of(result, &n);
	struct arrangement *a = arrange(result, levels, n);
	assert_non_null(a);
	assert_int_equal(tails_export(a, folder), 1);
	snprintf(path, sizeof path, "%s/tails-1-pipe_pingpong_same-cpu_64_block.hgrm", folder);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof line, file));
	assert_string_equal(line, "       Value     Percentile TotalCount 1/(1-Percentile)\n");
	while (fgets(line, sizeof line, file)) {
		static const char start[] = "#[Mean    =";
		char *rest = line;
		if (!strncmp(line, start, strlen(start)))
			mean = strtod(line + strlen(start), NULL);
		if (*line == '#' || *line == '\n')
			continue;
		double value = strtod(rest, &rest), p = strtod(rest, &rest),
		       count = strtod(rest, &rest), one_over = strtod(rest, &rest);
		assert_true(value >= before && count >= total);
		assert_true(p == 1 ? one_over == 0 : fabs(one_over * (1 - p) - 1) < 0.01);
		if (p > 0.1 && p < 0.999)
			assert_true(fabs((value + clock_ns) / exponential_at(p) - 1) < 0.012);
		before = value;
		last = p;
		total = count;
		lines++;
	}
	fclose(file);
	assert_true(last == 1 && fabs(total - 2e5) < 3 && lines > 60);
	assert_true(fabs((mean + clock_ns) / 5000 - 1) < 0.002);
	unlink(path);
	rmdir(folder);
	arrange_free(a);
	free(levels);
	result_free(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_one_worker),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_a_histogram),
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
