/* SPDX-License-Identifier: MIT */
/* clock.h - may the CPU's counter be used as the clock? Both programs ask, and get the same answer.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* true where the kernel itself trusts the counter to agree between CPUs. */
static inline bool clock_counter_trusted(void)
{
#if defined(__x86_64__)
	char source[32] = "";
	FILE *file =
		fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

	if (file) {
		if (fgets(source, sizeof(source), file))
			source[strcspn(source, "\n")] = '\0';
		fclose(file);
	}
	/* kvm-clock and the Hyper-V page are the same counter, scaled */
	return strcmp(source, "tsc") == 0 || strcmp(source, "kvm-clock") == 0 ||
	       strncmp(source, "hyperv_clocksource_tsc", 22) == 0;
#elif defined(__aarch64__)
	return true;
#else
	return false;
#endif
}

#endif
