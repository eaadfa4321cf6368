/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recorded.c - libFuzzer's target for records of pairs: whatever the bytes, they are read or
 * refused with one line, and what was read comes to a comparison that every format can print.
 *
 * Run by tests/fuzz/run; -close_fd_mask=3 keeps what toll says out of the way. */
#include "../../analysis/recorded.h"

#include "../../bench/say.h"
#include "../unit/said.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	write_input(data, size);
	said_begin();
	struct recorded *recorded = recorded_read(path);

	if (recorded) {
		struct comparison *comparison = duels_comparison(&recorded->duels);

		promise(comparison && comparison->row_count);
		promise(comparison->spent <= 0.05 * (1 + 1e-5));
		promise(!duels_unseen(&recorded->duels));
		struct compare_report report = {
			.comparison = comparison,
			.names = { recorded->name[0], recorded->name[1] },
			.gate = { .fail_on_slower = true },
		};

		report.status = compare_status(comparison, &report.gate);
		print_comparison(&report);
		comparison_free(comparison);
	}
	check_said(said_end(), !recorded);
	recorded_free(recorded);
	return 0;
}

static void as_it_is(json_t *object, bool first)
{
	(void)object, (void)first;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	return change_input(data, size, most, seed, as_it_is, "round");
}
