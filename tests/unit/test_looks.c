/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_looks.c - when a run looks, what its looks say and spend, and which blocks they leave out.
 */
#include "bench/looks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "said.h"
#include "synthetic.h"

/* Two families, of two sizes by two mechanisms each; the synthetic file has the first of them. */
static const double sizes[] = { 64, 4096 };
static const struct synthetic_curve curves[] = {
	{ "pipe", { { 0, 4000, 0 } }, 0 },
	{ "futex", { { 0, 8000, 0 } }, 0 },
};
static const struct synthetic what = { .curves = curves,
				       .curve_count = 2,
				       .sizes = sizes,
				       .size_count = 2,
				       .rounds = 30,
				       .turns = 5,
				       .worker_noise = 0.005,
				       .turn_noise = 0.002,
				       .seed = 9 };
enum { CELLS = 8, FAMILY = 4 };

static struct plan_cell cells[CELLS];
static const struct plan_block small = { .cells = { 0, 2 }, .count = 2, .reference = -1 },
			       large = { .cells = { 1, 3 }, .count = 2, .reference = -1 },
			       other = { .cells = { 4, 6 }, .count = 2, .reference = -1 };

static struct plan plan_of(double budget_s, unsigned rounds)
{
	for (unsigned i = 0; i < CELLS; i++) {
		synthetic_cell(&what, i % FAMILY / 2, i % 2, i, &cells[i].cell);
		if (i >= FAMILY)
			strcpy(cells[i].cell.pattern, "stream");
	}
	return (struct plan){
		.budget_s = budget_s, .rounds = rounds, .cells = cells, .cell_count = CELLS
	};
}

static struct looks begin(double budget_s, unsigned rounds)
{
	struct plan plan = plan_of(budget_s, rounds);
	struct looks looks;

	assert_true(looks_begin(&looks, &plan));
	return looks;
}

static void test_due(void **state)
{
	(void)state;
	struct looks looks = begin(40, 0);

	assert_int_equal(looks_due(&looks, 9.9, 50, false), 0);
	assert_int_equal(looks_due(&looks, 10, 50, false), 1);
	assert_int_equal(looks_due(&looks, 10, 19, false), 0); /* too few rounds */
	assert_int_equal(looks_due(&looks, 25, 20, false), 2); /* the first was left out */
	assert_int_equal(looks_due(&looks, 39.9, 50, false), 3);
	assert_int_equal(looks_due(&looks, 44, 50, false), 3); /* the fourth is the end's */
	assert_int_equal(looks_due(&looks, 39.2, 50, true), 4);
	assert_int_equal(looks_due(&looks, 39.2, 19, true), 0);
	looks.last = 2;
	assert_int_equal(looks_due(&looks, 25, 20, false), 0);
	assert_int_equal(looks_due(&looks, 30, 20, false), 3);
	looks.last = 4;
	assert_int_equal(looks_due(&looks, 39.2, 50, true), 0);
	looks_free(&looks);
	/* rounds say how long: that was asked for */
	looks = begin(40, 30);
	assert_int_equal(looks_due(&looks, 30, 50, false), 0);
	assert_int_equal(looks_due(&looks, 30, 50, true), 0);
	looks_free(&looks);
}

static void test_families(void **state)
{
	(void)state;
	struct looks looks = begin(40, 0);

	/* one size given up is no reason to leave it out: the curve has others */
	looks_give_up(&looks, 0);
	looks_give_up(&looks, 2);
	looks_give_up(&looks, 2);
	assert_false(looks_skip(&looks, &small));
	looks_give_up(&looks, 1);
	looks_give_up(&looks, 3);
	assert_true(looks_skip(&looks, &small) && looks_skip(&looks, &large));
	assert_false(looks_skip(&looks, &other));
	for (unsigned i = FAMILY; i < CELLS; i++)
		looks_give_up(&looks, i);
	assert_true(looks_skip(&looks, &other));
	assert_false(looks_all_decided(&looks)); /* nothing is */
	looks_free(&looks);
}

static double number(const json_t *line, const char *name)
{
	return json_number_value(json_object_get(line, name));
}

static void test_take(void **state)
{
	(void)state;
	struct looks looks = begin(40, 0);
	int fd;
	const char *path = synthetic_file(&what, &fd);
	json_t *line = looks_take(&looks, 2, path, 21.5, 30);

	assert_non_null(line);
	assert_string_equal(json_string_value(json_object_get(line, "kind")), "look");
	assert_int_equal(number(line, "number"), 2);
	assert_int_equal(number(line, "of"), VERDICT_LOOKS);
	assert_int_equal(number(line, "rounds"), 30);
	assert_true(number(line, "at_s") == 21.5 && number(line, "budget_s") == 40);
	/* the first was left out: its share is the second's */
	double may = verdict_alpha(1, 0.05) + verdict_alpha(2, 0.05);
	assert_true(fabs(number(line, "alpha") - may) < 1e-12);
	assert_true(fabs(number(line, "spent") - may) < 1e-12);
	const json_t *decided = json_object_get(line, "decided");
	assert_int_equal(json_array_size(decided), FAMILY);
	const json_t *futex = json_array_get(decided, 3);
	assert_int_equal(number(futex, "cell"), 3);
	assert_string_equal(json_string_value(json_object_get(futex, "how")), "slower");
	assert_int_equal(number(futex, "against"), 1);
	assert_true(json_is_null(json_object_get(json_array_get(decided, 0), "against")));
	json_decref(line);
	assert_int_equal(looks.decided, FAMILY);
	assert_true(looks_skip(&looks, &small) && looks_skip(&looks, &large));
	assert_false(looks_skip(&looks, &other));
	assert_false(looks_all_decided(&looks));

	/* the last spends the rest */
	line = looks_take(&looks, 4, path, 40, 60);
	assert_true(fabs(number(line, "alpha") - (0.05 - may)) < 1e-12);
	assert_true(fabs(number(line, "spent") - 0.05) < 1e-12);
	json_decref(line);
	/* what cannot be measured does not keep a run from its end */
	for (unsigned i = FAMILY; i < CELLS; i++)
		looks_give_up(&looks, i);
	assert_true(looks_all_decided(&looks));
	looks_free(&looks);
	close(fd);
}

static void test_no_file(void **state)
{
	(void)state;
	struct looks looks = begin(40, 0);

	said_begin();
	json_t *line = looks_take(&looks, 1, "/nonexistent/x.ndjson", 10, 30);
	assert_non_null(strstr(said_end(), "/nonexistent/x.ndjson"));
	assert_null(line);
	looks_free(&looks);
}

/* What a file says was decided and spent holds on, whatever the budget is now. */
static void test_take_up(void **state)
{
	(void)state;
	int fd;
	struct result *old = result_read(synthetic_file(&what, &fd));

	assert_non_null(old);
	close(fd);
	old->looks[0] = (struct result_look){ .number = 1, .alpha = 0.001, .spent = 0.001 };
	old->looks[1] = (struct result_look){ .number = 3, .alpha = 0.03, .spent = 0.031 };
	old->look_count = 2;
	for (unsigned i = 0; i < FAMILY; i++)
		old->cells[i].decided = true;

	struct looks looks = begin(80, 0);
	looks_take_up(&looks, old);
	assert_int_equal(looks.last, 3);
	assert_int_equal(looks.decided, FAMILY);
	assert_true(looks_skip(&looks, &small));
	assert_int_equal(looks_due(&looks, 60, 60, false), 0);
	assert_int_equal(looks_due(&looks, 80, 60, true), 4);
	const char *path = synthetic_file(&what, &fd);
	json_t *line = looks_take(&looks, 4, path, 80, 60);
	assert_true(fabs(number(line, "alpha") - 0.019) < 1e-12);
	json_decref(line);
	close(fd);
	looks_free(&looks);

	/* so many rounds of everything */
	looks = begin(0, 50);
	looks_take_up(&looks, old);
	assert_false(looks_skip(&looks, &small));
	looks_free(&looks);
	result_free(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due),     cmocka_unit_test(test_families),
		cmocka_unit_test(test_take),    cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_take_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
