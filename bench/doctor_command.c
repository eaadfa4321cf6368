/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor_command.c - toll doctor, as it is asked for. */
#include "commands.h"
#include "doctor.h"
#include "request.h"
#include "run.h"
#include "say.h"

const char doctor_help[] =
	"toll doctor [options]        what distorts measuring here, how much, and what mends it\n"
	"\n"
	"Watches the CPUs for ten seconds: time that is missing, who else runs on them, the\n"
	"host's states, the core's clock, wake-ups, how far identical cells lie apart; and looks\n"
	"at what is set. Each finding is green, yellow or red, with its figure and the command\n"
	"that mends it. Nothing is changed.\n"
	"\n"
	"      --for TIME             how long, from 1s to 60s [10s]\n"
	"      --cpus 2,5             these CPUs [those that toll run takes by itself]\n"
	"      --json                 the findings as JSON\n"
	"\n"
	"exit: 0 fine, or yellow; 2 red: figures would be worth nothing; 4 a mistake\n";

int cmd_doctor(int argc, char **argv, char **rest)
{
	static const struct option options[] = {
		{ "for", required_argument, NULL, HOLD },
		{ "cpus", required_argument, NULL, KEY },
		{ "json", no_argument, NULL, JSON },
		{ NULL, 0, NULL, 0 },
	};
	struct request given = { .hold = "10s" };
	struct doctor_options asked = { .pairs = true };
	struct registry *registry = NULL;
	struct place *place = NULL;
	struct doctor doctor = { .count = 0 };
	char why[256];
	uint64_t ns;
	int status = EXIT_USAGE;

	if (request_read(argc, argv, ":", options, &given))
		return EXIT_USAGE;
	if (optind < argc || rest)
		return request_superfluous(argv, optind < argc ? argv[optind] : "--");
	if (cell_parse_time_ns(given.hold, &ns) || ns < 1000000000U || ns > 60000000000U) {
		say_error("doctor: --for %s is no time from 1s to 60s", given.hold);
		return EXIT_USAGE;
	}
	asked.seconds = (double)ns / 1e9;
	place = place_open();
	if (!place || !run_on_this_machine(place))
		goto end;
	const char *cpus = request_value(&given, "cpus");

	if (cpus) {
		int count = place_parse_cpus(place, cpus, asked.cpus, DOCTOR_CPUS, why, sizeof why);

		if (count < 0) {
			say_error("--cpus: %s", why);
			goto end;
		}
		asked.cpu_count = (unsigned)count;
	}
	registry = registry_open(NULL, 0);
	if (!registry)
		goto end;
	status = doctor_run(&asked, registry, place, &doctor);
	if (status == EXIT_FINE) {
		status = doctor_print(&doctor, say_json)         ? EXIT_USAGE
			 : doctor_verdict(&doctor) == DOCTOR_RED ? EXIT_UNTOLD
								 : EXIT_FINE;
		command_printed_json = say_json && status != EXIT_USAGE;
	}
end:
	doctor_free(&doctor);
	registry_close(registry);
	place_close(place);
	return status;
}
