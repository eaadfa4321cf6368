/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fit.h - cost models T(x) = σ + x/b per segment of sizes, and the sizes where one variant
 * overtakes another. Methods: man toll-fit. */
#ifndef FIT_H
#define FIT_H

#include "level.h"

enum { FIT_MOST_SEGMENTS = 5, FIT_MOST_SIZES = 64, FIT_FEWEST_SIZES = 3 };
/* Between sizes further apart than this factor anything may happen unseen. */
enum { FIT_UNSEEN = 16 };

struct fit_segment {
	double from, to;             /* bytes, both measured sizes */
	struct interval sigma_ns;    /* per operation */
	struct interval bytes_per_s; /* b × bytes_factor: for round trips B = 2b; +∞ where flat */
	bool withheld;               /* lack of fit: σ and B are not to be stated */
	double lack_of_fit_p;        /* NaN when it cannot be tested */
};

struct fit {                  /* one curve: cells that differ in size only */
	char curve[CELL_KEY]; /* cell_key_without_size */
	char group[CELL_KEY]; /* cell_family(): curves that may be compared */
	enum host_state state;
	enum quantity quantity;
	double bytes_factor; /* bytes that cross per operation / size: 2 for round trips */
	size_t sizes;
	/* Ascending. ns: exp of the 20 % trimmed mean of the workers' logs, so that one bad worker
	 * bends no line; fitted_ns: the model there; band: the model's simultaneous 95 % band
	 * (sup-t) is fitted_ns × exp(±band), NaN below five rounds. */
	double size[FIT_MOST_SIZES], ns[FIT_MOST_SIZES], fitted_ns[FIT_MOST_SIZES];
	double band[FIT_MOST_SIZES];
	unsigned cell[FIT_MOST_SIZES];
	size_t level[FIT_MOST_SIZES]; /* index into the levels */
	size_t segments;
	struct fit_segment
		segment[FIT_MOST_SEGMENTS]; /* bytes_per_s already multiplied by bytes_factor */
	/* BIC has chosen .segments; AICc would have these, and with any one size left out BIC has
	 * between least and most. break_uncertain: they do not all agree. */
	size_t segments_aicc, segments_least, segments_most;
	bool break_uncertain;
	char note[160]; /* why there is no fit ("3 sizes are needed"), or what it cannot tell */
};

enum crossing {
	CROSSING_ONE,
	CROSSING_SEVERAL,
	CROSSING_NEVER,
	CROSSING_TIE,
	CROSSING_OUTSIDE,
	CROSSING_UNRESOLVED
};

struct crossover {     /* of curves a and b of one group */
	unsigned a, b; /* indices into fits */
	enum crossing outcome;
	double share; /* of bootstrap samples with this outcome; NaN below five rounds */
	/* CROSSING_ONE: where; CROSSING_OUTSIDE: where about, by extrapolation; CROSSING_TIE: low
	 * and high of the tie, both measured sizes (estimate NaN) */
	struct interval bytes;
	size_t crossings; /* CROSSING_SEVERAL: sign changes; the first eight are in at */
	double at[8];
	/* −1: a is faster, +1: b is. CROSSING_NEVER, _OUTSIDE: inside the range; CROSSING_TIE:
	 * outside the tie (0: nobody); CROSSING_ONE: below the crossover */
	int winner;
	unsigned more_rounds; /* CROSSING_UNRESOLVED: about so many; 0 when that cannot be said */
	double closed_form_bytes; /* where the two fitted lines meet; NaN when they do not */
	size_t points;            /* of the curve of paired log ratios */
	double size[FIT_MOST_SIZES];
	struct interval log_ratio[FIT_MOST_SIZES]; /* ln(a/b), trimmed mean, Yuen's t */
};

struct fits {
	struct fit *fit; /* by group, state, curve */
	size_t fit_count;
	struct crossover *crossover;
	size_t crossover_count;
	size_t crossover_skipped; /* pairs of curves beyond the most that are looked at */
	uint64_t seed;
};

/* Curves, fits and crossovers of a result. seed drives the bootstrap: same file and seed, same
 * answer. NULL only when memory runs out. */
struct fits *fit_of(const struct result *result, const struct level levels[], size_t n,
		    uint64_t seed);
void fit_free(struct fits *fits);

/* Crossovers of all pairs of curves that may be compared, into fits; fit_of() calls it. false: out
 * of memory. */
bool crossover_find(const struct result *result, const struct level levels[], struct fits *fits);
/* "one", "several", "never", "tie", "outside", "unresolved" */
const char *crossover_text(enum crossing outcome);

/* toll fit FILE [--json]: prints tables of models and crossovers (reports/fit_print.c). Returns an
 * exit status. */
int fit_print(const struct result *result, const struct fits *fits, bool json);

#endif
