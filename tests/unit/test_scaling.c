/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_scaling.c - pairs at once: the rate of all together and the slow-down against one pair,
 * where the answers are known. */
#include "reports/scaling.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "said.h"
#include "synthetic.h"

/* A pair alone takes 10 µs, two 11 µs, four 20 µs each; what a round has is of all its workers. */
static const double rtt_ns[] = { 10000, 11000, 20000 };
static const unsigned peers[] = { 2, 4, 8 };
enum { CELLS = 3, ROUNDS = 12 };

static void write_cell(FILE *file, unsigned id, unsigned count, const char *mechanism)
{
	const char *cpus = count == 2 ? "[0,0]" : count == 4 ? "[0,0,1,1]" : "[0,0,1,1,0,0,1,1]";
	char named[16] = "";

	if (count != 4)
		snprintf(named, sizeof named, "/peers=%u", count);
	fprintf(file,
		"%s{\"id\":%u,\"key\":\"%s/pairs/same-cpu/64/block%s\",\"mechanism\":\"%s\","
		"\"options\":\"\",\"pattern\":\"pairs\",\"pattern_options\":\"\",\"placement\":"
		"\"same-cpu\",\"cpus\":%s,\"peers\":%u,\"size\":64,\"depth\":null,\"slots\":0,"
		"\"wait\":\"block\",\"wait_class\":\"sleeping\",\"idle\":null,\"copy\":false,"
		"\"touch\":\"all\",\"peers_are\":\"processes\",\"replica\":0,\"sequential\":false,"
		"\"quantity\":\"rtt_ns\",\"messages\":%u,\"bytes\":%u}",
		id ? "," : "", id, mechanism, named, mechanism, cpus, count, count, 64 * count);
}

/* Rounds drift by 30 %, the same for every cell: a ratio by rounds does not see it. */
static struct result *made(unsigned first, const char *mechanism, int *fd)
{
	char *text = NULL;
	size_t bytes;
	FILE *file = open_memstream(&text, &bytes);

	fputs("{\"kind\":\"header\",\"schema\":1,\"seed\":1,\"host\":{},\"clock\":{\"source\":"
	      "\"tsc\","
	      "\"ticks_per_ns\":2,\"cost_ns\":10,\"step_ns\":1},\"plan\":{\"margin\":0.02,"
	      "\"refused\":[],\"cells\":[",
	      file);
	for (unsigned i = first; i < CELLS; i++)
		write_cell(file, i - first, peers[i], mechanism);
	fputs("]}}\n", file);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = first; i < CELLS; i++)
			fprintf(file,
				"{\"kind\":\"worker\",\"cell\":%u,\"round\":%u,\"block\":%u,"
				"\"visit\":%u,\"state\":\"ok\",\"operations\":16,\"batch_ns\":[%."
				"6f]}\n",
				i - first, round, i, round * CELLS + i,
				rtt_ns[i] * (1 + 0.3 * round / ROUNDS) * (1 + 0.001 * (round % 2)));
	fclose(file);
	struct result *result = result_read(synthetic_text(text, bytes, fd));
	free(text);
	return result;
}

static void test_rate_and_slowdown(void **state)
{
	(void)state;
	int fd;
	size_t n, count;
	struct result *result = made(0, "pipe", &fd);
	struct level *levels = level_of(result, &n);
	struct arrangement *a = arrange(result, levels, n);
	struct scaling *list = scaling_of(a, &count);

	assert_int_equal(count, CELLS);
	for (unsigned i = 0; i < CELLS; i++) {
		const struct scaling *one = &list[i];
		double alone = 1e9 / list[0].level->ns.estimate;

		assert_int_equal(one->pairs, peers[i] / 2);
		assert_int_equal(one->cpus, i == 0 ? 1 : 2);
		assert_int_equal(one->family, 0);
		assert_float_equal(one->rate.estimate / alone, one->pairs * rtt_ns[0] / rtt_ns[i],
				   1e-3);
		assert_true(one->rate.low < one->rate.estimate &&
			    one->rate.estimate < one->rate.high);
		if (i == 0) {
			assert_true(isnan(one->slowdown.estimate));
			continue;
		}
		/* the levels spread by the drift, the ratio does not */
		assert_float_equal(one->slowdown.estimate, rtt_ns[i] / rtt_ns[0], 1e-6);
		assert_true(one->slowdown.high - one->slowdown.low < 1e-6);
		assert_true(one->rate.high / one->rate.low > 1.05);
	}
	json_t *json = scaling_json(a);
	assert_int_equal(json_array_size(json), CELLS);
	assert_true(json_is_null(json_object_get(json_array_get(json, 0), "slowdown")));
	json_decref(json);
	free(list);
	arrange_free(a);
	free(levels);
	result_free(result);
	close(fd);
}

static void test_without_one_pair(void **state)
{
	(void)state;
	int fd;
	size_t n, count;
	struct result *result = made(1, "ring", &fd);
	struct level *levels = level_of(result, &n);
	struct arrangement *a = arrange(result, levels, n);
	struct scaling *list = scaling_of(a, &count);

	assert_int_equal(count, 2);
	assert_true(isnan(list[0].slowdown.estimate) && isnan(list[1].slowdown.estimate));
	free(list);
	arrange_free(a);
	free(levels);
	result_free(result);
	close(fd);
}

static void test_no_pairs(void **state)
{
	(void)state;
	static const double sizes[] = { 64 };
	static const struct synthetic_curve curves[] = { { "pipe", { { 0, 5000, 0 } }, 0 } };
	const struct synthetic plain = { .curves = curves,
					 .curve_count = 1,
					 .sizes = sizes,
					 .size_count = 1,
					 .rounds = 5,
					 .turns = 3 };
	int fd;
	size_t n, count;
	struct result *result = result_read(synthetic_file(&plain, &fd));
	struct level *levels = level_of(result, &n);
	struct arrangement *a = arrange(result, levels, n);
	char *text = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&text, &bytes);
	struct scaling *list = scaling_of(a, &count);

	assert_int_equal(count, 0);
	assert_int_equal(scaling_print(stream, a), 0);
	fclose(stream);
	assert_string_equal(text, "");
	free(text);
	free(list);
	arrange_free(a);
	free(levels);
	result_free(result);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_and_slowdown),
		cmocka_unit_test(test_without_one_pair),
		cmocka_unit_test(test_no_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
