/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_config.c - configurations are read whole, mistakes named by file and line, and the command
 * line lies over every section. */
#include "bench/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "said.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static char path[] = "/tmp/toll-test-config-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct config *read_bytes(const char *text, size_t length)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	return config_read(path);
}

static struct config *read_text(const char *text)
{
	struct config *config = read_bytes(text, strlen(text));
	assert_non_null(config);
	return config;
}

static void assert_list(const struct config_list *list, const char *const words[], size_t n)
{
	assert_int_equal(list->count, n);
	for (size_t w = 0; w < n; w++)
		assert_string_equal(list->word[w], words[w]);
}

#define ASSERT_LIST(list, ...)                                                                     \
	assert_list((list), (const char *const[]){ __VA_ARGS__ },                                  \
		    LENGTH(((const char *const[]){ __VA_ARGS__ })))

static void test_whole_file(void **state)
{
	(void)state;
	struct config *config = read_text("# a comment\n"
					  "[run]\n"
					  "budget = 1.5m   ; a remark\n"
					  "rounds = 30\n"
					  "operations = 200\n"
					  "margin = 3%\n"
					  "seed = 9223372036854775807\n"
					  "tails = on\n"
					  "dma-latency = 1ms\n"
					  "\n"
					  "[latency]\n"
					  "mechanism = pipe, ring:layout=slot,memory=huge , futex\n"
					  "pattern = pipeline:stages=4,deadline=1s, stream\n"
					  "size = 64,\n"
					  "\t1K, 4K ; and larger\n"
					  "\n"
					  "\t64K\n"
					  "cpus = 0,1  2,3\n"
					  "replicas = 2\n"
					  "[defaults]\n"
					  "[a name with blanks]\n"
					  "wait = spin\n"
					  "peer-count = 3\n");
	assert_string_equal(config->path, path);
	assert_true(config->budget_given);
	assert_true(config->budget_s == 90);
	assert_int_equal(config->rounds, 30);
	assert_int_equal(config->operations, 200);
	assert_true(config->margin > 0.0299 && config->margin < 0.0301);
	assert_true(config->seed_given);
	assert_int_equal(config->seed, INT64_MAX);
	assert_true(config->tails);
	assert_int_equal(config->dma_latency_us, 1000);

	assert_int_equal(config->grid_count, 3);
	const struct config_grid *grid = &config->grids[0];
	assert_string_equal(grid->name, "latency");
	assert_int_equal(grid->line, 11);
	ASSERT_LIST(&grid->mechanism, "pipe", "ring:layout=slot,memory=huge", "futex");
	ASSERT_LIST(&grid->pattern, "pipeline:stages=4,deadline=1s", "stream");
	ASSERT_LIST(&grid->size, "64", "1K", "4K", "64K");
	ASSERT_LIST(&grid->cpus, "0,1", "2,3");
	assert_int_equal(grid->size.line[0], 14);
	assert_int_equal(grid->size.line[1], 15);
	assert_int_equal(grid->size.line[3], 17);
	assert_int_equal(grid->replicas, 2);
	assert_int_equal(grid->wait.count, 0);

	assert_string_equal(config->grids[1].name, "defaults");
	assert_int_equal(config->grids[1].mechanism.count, 0);
	assert_string_equal(config->grids[2].name, "a name with blanks");
	ASSERT_LIST(&config->grids[2].wait, "spin");
	ASSERT_LIST(&config->grids[2].peer_count, "3");
	config_free(config);
}

static void test_defaults(void **state)
{
	(void)state;
	struct config *config = read_text("[x]\nsize = 64\n");
	assert_true(config->margin == 0.02);
	assert_false(config->seed_given);
	assert_false(config->budget_given);
	assert_true(config->budget_s == 0);
	assert_int_equal(config->rounds, 0);
	assert_int_equal(config->operations, 0);
	assert_false(config->tails);
	assert_int_equal(config->dma_latency_us, -1);
	config_free(config);
}

/* inih's own limit is 200 bytes. */
static void test_long_lines(void **state)
{
	(void)state;
	static const char word[] =
		"pipe:capacity=64K,note=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	char text[8192];
	size_t used = (size_t)snprintf(text, sizeof text, "[x]\nmechanism = ring:layout=slot");
	for (int w = 1; w < CONFIG_MOST_WORDS; w++)
		used += (size_t)snprintf(text + used, sizeof text - used, ", %s", word);
	snprintf(text + used, sizeof text - used, "\nsize = 4K\n");
	struct config *config = read_text(text);
	assert_int_equal(config->grids[0].mechanism.count, CONFIG_MOST_WORDS);
	assert_string_equal(config->grids[0].mechanism.word[CONFIG_MOST_WORDS - 1], word);
	ASSERT_LIST(&config->grids[0].size, "4K");
	assert_int_equal(config->grids[0].size.line[0], 3);
	config_free(config);
}

/* Each mistake, and what must be said of it. */
static const struct mistake {
	const char *text;
	int line;
	const char *said;
} mistakes[] = {
	{ "[x]\nsise = 64\n", 2, "unknown key \"sise\"; did you mean \"size\"?" },
	{ "[x]\nsize = 64\n\n[y]\nplacemnt = smt\n", 5, "did you mean \"placement\"?" },
	{ "[run]\nbuget = 5m\n[x]\n", 2, "did you mean \"budget\"?" },
	{ "[x]\nbudget = 5m\n", 2, "belongs into the section [run]" },
	{ "[run]\nmechanism = pipe\n[x]\n", 2, "section that is a grid" },
	{ "[x]\nqqqqqqqqqqqq = 1\n", 2, "unknown key \"qqqqqqqqqqqq\"" },
	{ "size = 64\n[x]\n", 1, "before the first [section]" },
	{ "[x]\nsize = 64\nsize = 128\n", 3, "\"size\" stands on line 2 already" },
	{ "[x]\nsize = 64\n[x]\nwait = spin\n", 3, "[x] stands on line 1 already" },
	{ "[x]\nsize = 64\nnonsense\n", 3, "neither \"key = value\" nor [section]" },
	{ "[x\nsize = 64\n", 1, "no ] ends" },
	{ "[]\nsize = 64\n", 1, "name has 1 to" },
	{ "[x]\nsize =\n", 2, "size: no value" },
	{ "[x]\nsize = 64,,4K\n", 2, "nothing before a comma" },
	{ "[x]\nmechanism = depth=4\n", 2, "option of nothing" },
	{ "[x]\nmechanism = pipe, depth=4\n", 2, "option of nothing" },
	{ "[x]\nreplicas = 0\n", 2, "replicas" },
	{ "[x]\nreplicas = 2\n\t3\n", 3, "only lists continue" },
	{ "[run]\nbudget = 5\n[x]\n", 2, "budget: \"5\" is no time above 0" },
	{ "[run]\nbudget = 0s\n[x]\n", 2, "no time above 0" },
	{ "[run]\nrounds = -1\n[x]\n", 2, "rounds: \"-1\"" },
	{ "[run]\nrounds = 0\n[x]\n", 2, "rounds" },
	{ "[run]\noperations = 1e9\n[x]\n", 2, "operations" },
	{ "[run]\nmargin = 0\n[x]\n", 2, "margin" },
	{ "[run]\nmargin = 60%\n[x]\n", 2, "margin" },
	{ "[run]\nmargin = 2%%\n[x]\n", 2, "margin" },
	{ "[run]\nmargin = nan\n[x]\n", 2, "margin" },
	{ "[run]\nseed = 9223372036854775808\n[x]\n", 2, "seed" },
	{ "[run]\ntails = maybe\n[x]\n", 2, "neither on nor off" },
};

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t m = 0; m < LENGTH(mistakes); m++) {
		const struct mistake *mistake = &mistakes[m];
		char where[64];
		snprintf(where, sizeof where, "%s:%d: ", path, mistake->line);
		said_begin();
		struct config *config = read_bytes(mistake->text, strlen(mistake->text));
		const char *said = said_end();
		if (config)
			fail_msg("taken without complaint: %s", mistake->text);
		if (!strstr(said, where) || !strstr(said, mistake->said))
			fail_msg("of %ssaid: %s(wanted %s%s)", mistake->text, said, where,
				 mistake->said);
		if (strchr(said, '\n') != said + strlen(said) - 1)
			fail_msg("more than one line was said: %s", said);
	}
}

static void assert_refused(const char *text, size_t length, const char *wanted)
{
	said_begin();
	struct config *config = read_bytes(text, length);
	const char *said = said_end();
	assert_null(config);
	if (!strstr(said, wanted))
		fail_msg("said: %s(wanted %s)", said, wanted);
}

static void test_hostile_files(void **state)
{
	(void)state;
	assert_refused("", 0, "no section but [run]");
	assert_refused("[run]\nrounds = 3\n", 17, "no section but [run]");
	assert_refused("[x]\nsize = 6\0"
		       "4\n",
		       14, ":2: holds a NUL byte");

	static char text[200000];
	int used = snprintf(text, sizeof text, "[x]\nsize = ");
	memset(text + used, '4', 100000);
	assert_refused(text, (size_t)used + 100000, ":2: longer than");

	used = snprintf(text, sizeof text, "[x]\nsize = 64");
	for (int w = 0; w < CONFIG_MOST_WORDS; w++)
		used += snprintf(text + used, sizeof text - (size_t)used, ", 64");
	assert_refused(text, (size_t)used, ":2: size: more than");

	used = snprintf(text, sizeof text, "[x]\nmechanism = ");
	memset(text + used, 'm', CONFIG_WORD);
	assert_refused(text, (size_t)used + CONFIG_WORD, "longer than");

	/* the end of a file ends a line */
	struct config *config = read_text("[x]\nsize = 64");
	ASSERT_LIST(&config->grids[0].size, "64");
	config_free(config);
	config = read_text("\xef\xbb\xbf[x]\r\nsize = 64\r\n");
	ASSERT_LIST(&config->grids[0].size, "64");
	config_free(config);
}

static void test_missing_files(void **state)
{
	(void)state;
	said_begin();
	assert_null(config_read("/nonexistent/x.conf"));
	assert_non_null(strstr(said_end(), "/nonexistent/x.conf: No such file"));
	said_begin();
	assert_null(config_read("/tmp"));
	assert_non_null(strstr(said_end(), "/tmp: a folder"));
}

static void override(struct config *config, const char *key, const char *value)
{
	assert_int_equal(config_override(config, key, value), 0);
}

static void test_override(void **state)
{
	(void)state;
	struct config *config = read_text("[run]\nbudget = 5m\n"
					  "[a]\nsize = 64, 4K\nplacement = smt, across\n"
					  "[b]\nmechanism = pipe\ncpus = 0,1\n");
	override(config, "size", "1,2K");
	override(config, "mechanism", "ring:layout=slot,memory=huge,pipe");
	override(config, "budget", "10s");
	override(config, "seed", "7");
	override(config, "tails", "on");
	for (size_t g = 0; g < 2; g++) {
		ASSERT_LIST(&config->grids[g].size, "1", "2K");
		ASSERT_LIST(&config->grids[g].mechanism, "ring:layout=slot,memory=huge", "pipe");
		assert_int_equal(config->grids[g].size.line[0], 0);
	}
	assert_true(config->budget_s == 10);
	assert_int_equal(config->seed, 7);
	assert_true(config->seed_given);
	assert_true(config->tails);

	/* where the peers run is said in two ways, of which the later holds */
	override(config, "cpus", "2,5");
	for (size_t g = 0; g < 2; g++) {
		assert_int_equal(config->grids[g].placement.count, 0);
		ASSERT_LIST(&config->grids[g].cpus, "2,5");
	}
	override(config, "placement", "smt");
	for (size_t g = 0; g < 2; g++) {
		assert_int_equal(config->grids[g].cpus.count, 0);
		ASSERT_LIST(&config->grids[g].placement, "smt");
	}
	config_free(config);
}

static void test_override_pattern(void **state)
{
	(void)state;
	static const char text[] = "[default]\nsize = 1\n"
				   "[both]\npattern = stream, pingpong\nsize = 2\n"
				   "[stream]\npattern = stream\nsize = 3\n"
				   "[pipeline]\npattern = pipeline:stages=2\nsize = 4\n";
	/* sections of another pattern go */
	struct config *config = read_text(text);
	override(config, "pattern", "pingpong");
	assert_int_equal(config->grid_count, 2);
	assert_string_equal(config->grids[0].name, "default");
	assert_string_equal(config->grids[1].name, "both");
	ASSERT_LIST(&config->grids[0].pattern, "pingpong");
	ASSERT_LIST(&config->grids[1].pattern, "pingpong");
	ASSERT_LIST(&config->grids[1].size, "2");
	config_free(config);

	/* its options are those of the command line */
	config = read_text(text);
	override(config, "pattern", "pipeline:stages=5");
	assert_int_equal(config->grid_count, 1);
	assert_string_equal(config->grids[0].name, "pipeline");
	ASSERT_LIST(&config->grids[0].pattern, "pipeline:stages=5");
	ASSERT_LIST(&config->grids[0].size, "4");
	config_free(config);

	/* a pattern that no section has comes into all */
	config = read_text(text);
	override(config, "pattern", "fanin");
	assert_int_equal(config->grid_count, 4);
	for (size_t g = 0; g < 4; g++)
		ASSERT_LIST(&config->grids[g].pattern, "fanin");
	config_free(config);

	/* nothing that was asked for is lost */
	config = read_text(text);
	override(config, "pattern", "stream,fanin");
	assert_int_equal(config->grid_count, 4);
	ASSERT_LIST(&config->grids[0].pattern, "fanin");
	ASSERT_LIST(&config->grids[1].pattern, "stream", "fanin");
	ASSERT_LIST(&config->grids[2].pattern, "stream", "fanin");
	ASSERT_LIST(&config->grids[3].pattern, "fanin");
	config_free(config);
}

static void test_bad_overrides(void **state)
{
	(void)state;
	static const struct {
		const char *key, *value, *said;
	} cases[] = {
		{ "size", "", "--size: no value" },
		{ "size", "64,,4K", "--size: nothing before a comma" },
		{ "mechanism", "layout=slot",
		  "--mechanism: \"layout=slot\" is an option of nothing" },
		{ "budget", "fast", "--budget: \"fast\"" },
		{ "seed", "-1", "--seed: \"-1\"" },
		{ "sise", "64", "--sise: there is no such key" },
	};
	struct config *config = config_new();
	assert_non_null(config);
	assert_int_equal(config->grid_count, 1);
	for (size_t c = 0; c < LENGTH(cases); c++) {
		said_begin();
		int failed = config_override(config, cases[c].key, cases[c].value);
		const char *said = said_end();
		assert_int_equal(failed, -1);
		if (!strstr(said, cases[c].said))
			fail_msg("said: %s(wanted %s)", said, cases[c].said);
	}
	config_free(config);
}

static void test_find(void **state)
{
	(void)state;
	char found[4096];
	assert_int_equal(config_find(path, found, sizeof found), 0);
	assert_string_equal(found, path);
	said_begin();
	assert_int_equal(config_find("no-such-configuration", found, sizeof found), -1);
	assert_non_null(strstr(said_end(), "no-such-configuration: no such configuration"));
	said_begin();
	assert_int_equal(config_find(path, found, 4), -1);
	said_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_file),    cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_long_lines),    cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_hostile_files), cmocka_unit_test(test_missing_files),
		cmocka_unit_test(test_override),      cmocka_unit_test(test_override_pattern),
		cmocka_unit_test(test_bad_overrides), cmocka_unit_test(test_find),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
