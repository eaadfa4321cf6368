# SPDX-License-Identifier: GPL-3.0-or-later
# oracle.R - the questions of answers.c, answered by R (and limma, where it is installed); each answer
# has to agree with toll's to nine digits. Says TAP.
#   oracle-answers | Rscript oracle.R

digits <- 1e-9

ends <- function(estimate, half) c(estimate, estimate - half, estimate + half)

# --- one sample ---

moments <- function(p, x, y) c(mean(x), if (length(x) > 1) sd(x) else NaN, median(x), mad(x))

quantiles <- function(p, x, y) quantile(x, p, type = 7, names = FALSE)

student <- function(level, x, y) {
	if (length(x) < 2) return(c(x, NaN, NaN))
	if (sd(x) == 0) return(c(x[1], x[1], x[1])) # t.test() refuses constant data
	c(mean(x), t.test(x, conf.level = level)$conf.int)
}

# The largest l with P(X < l) <= (1 - level) / 2.
exact_rank <- function(n, level) {
	l <- qbinom((1 - level) / 2, n, 0.5)
	l + (pbinom(l, n, 0.5) <= (1 - level) / 2)
}
normal_rank <- function(n, level) floor((n + 1) / 2 - qnorm(1 - (1 - level) / 2) * sqrt(n) / 2)

# The l-th smallest and largest value.
median_interval <- function(level, x, y) {
	n <- length(x)
	l <- if (n > 1000) normal_rank(n, level) else exact_rank(n, level)
	if (l < 1) return(c(median(x), NaN, NaN))
	c(median(x), sort(x)[c(l, n + 1 - l)])
}

winsorise <- function(x, trim) {
	cut <- floor(length(x) * trim + 1e-9)
	s <- sort(x)
	pmin(pmax(x, s[cut + 1]), s[length(x) - cut])
}

# Wilcox 2012, 4.3: the winsorised variance over (1 - 2 trim)^2 n, with the counts that are left.
trimmed <- function(x, trim) {
	n <- length(x)
	kept <- n - 2 * floor(n * trim + 1e-9)
	s <- sort(x)
	middle <- s[(n - kept) / 2 + seq_len(kept)]
	# in steps, for 1e150 squared is all there is
	scale <- max(abs(x), 1e-300)
	squares <- sum((winsorise(x / scale, trim) - mean(winsorise(x / scale, trim)))^2)
	if (diff(range(middle)) == 0) squares <- 0
	list(mean = mean(middle), kept = kept,
		error = if (kept < 2) NaN else sqrt(squares / (kept * (kept - 1))) * scale)
}

yuen <- function(p, x, y) {
	t <- trimmed(x, p[1])
	if (t$kept < 2) return(c(t$mean, NaN, NaN, NaN))
	c(ends(t$mean, qt(0.5 + p[2] / 2, t$kept - 1) * t$error),
		if (t$error > 0) 2 * pt(-abs(t$mean / t$error), t$kept - 1) else as.numeric(t$mean == 0))
}

weighted <- function(trim, x, y) {
	all <- rep(x, y)
	t <- trimmed(all, trim)
	c(t$mean, t$error, length(all), t$kept)
}

# --- tests ---

# Estimate, error, degrees of freedom, p of no difference, the larger p of two one-sided tests, interval.
tests <- function(estimate, error, freedom, margin) {
	m <- log1p(margin)
	if (error > 0) {
		difference <- 2 * pt(-abs(estimate / error), freedom)
		same <- max(pt((estimate - m) / error, freedom),
			pt((estimate + m) / error, freedom, lower.tail = FALSE))
	} else {
		difference <- as.numeric(estimate == 0)
		same <- as.numeric(abs(estimate) >= m)
	}
	half <- if (error > 0) qt(0.975, freedom) * error else 0
	c(estimate, error, freedom, difference, same, estimate - half, estimate + half)
}

# Yuen 1974: Welch's with winsorised variances.
samples <- function(margin, x, y) {
	a <- trimmed(x, 0.2)
	b <- trimmed(y, 0.2)
	va <- a$error^2
	vb <- b$error^2
	freedom <- a$kept + b$kept - 2
	if (va + vb > 0) freedom <- (va + vb)^2 / (va^2 / (a$kept - 1) + vb^2 / (b$kept - 1))
	tests(b$mean - a$mean, sqrt(va + vb), freedom, margin)
}

# Lag-1 correlation less its bias (Marriott and Pope 1954).
lag_one <- function(x) {
	if (sd(x) == 0) return(0)
	r <- acf(x, lag.max = 1, plot = FALSE)$acf[2]
	r + (1 + 4 * r) / length(x)
}

block_of <- function(n, blocks) rep(seq_len(blocks), diff(floor(seq(0, blocks) * n / blocks)))

# How much wider the error is where pairs are correlated (verdict.c says why).
inflation <- function(w) {
	n <- length(w)
	rho <- lag_one(w)
	if (rho <= 0.1) return(1)
	blocks <- n
	for (size in seq_len(n)[-1]) {
		if (n %/% size < 8) break
		blocks <- n %/% size
		if (lag_one(tapply(w, block_of(n, blocks), mean)) <= 0.1) break
	}
	sums <- tapply(w - mean(w), block_of(n, blocks), sum)
	by_blocks <- sum(sums^2) * blocks / (blocks - 1) / (var(w) * n)
	rho <- min(rho, 0.75)
	sqrt(max(by_blocks, (1 + rho) / (1 - rho))) * (1 + 2 / n)
}

pairs <- function(margin, x, y) {
	t <- trimmed(x, 0.2)
	if (length(x) >= 10) t$error <- t$error * inflation(winsorise(x, 0.2))
	tests(t$mean, t$error, t$kept - 1, margin)
}

ranks <- function(level, x, y) as.numeric(wilcox.test(x, y, exact = TRUE)$p.value <= level)

pair <- function(p, x, y) median(log(x / y))

# --- boots: Smyth 2004 ---

prior_of <- function(variance, freedom) {
	if (length(variance) < 2) return(list(freedom = 0, variance = variance))
	logs <- log(pmax(variance, 1e-5 * median(variance)))
	between <- var(logs) - trigamma(freedom / 2)
	if (between <= 0) return(list(freedom = Inf, variance = mean(variance)))
	half <- exp(uniroot(function(y) log(trigamma(exp(y))) - log(between), c(-30, 30), tol = 1e-15,
		maxiter = 10000)$root)
	list(freedom = 2 * half, variance =
		exp(mean(logs) - digamma(freedom / 2) + log(freedom / 2) + digamma(half) - log(half)))
}

sides <- function(p, x, y)
	list(old = matrix(x, p[1], p[2], byrow = TRUE), new = matrix(y, p[1], p[3], byrow = TRUE))

boots <- function(p, x, y) {
	s <- sides(p, x, y)
	freedom <- p[2] + p[3] - 2
	square <- function(m) apply(m, 1, function(row) sum((row - mean(row))^2))
	own <- (square(s$old) + square(s$new)) / freedom
	prior <- prior_of(own, freedom)
	moderated <- if (is.infinite(prior$freedom)) rep(prior$variance, p[1]) else
		(prior$freedom * prior$variance + freedom * own) / (prior$freedom + freedom)
	total <- min(prior$freedom + freedom, p[1] * freedom)
	c(mapply(function(estimate, error) tests(estimate, error, total, p[4])[1:5],
		rowMeans(s$new) - rowMeans(s$old), sqrt(moderated * (1 / p[2] + 1 / p[3]))))
}

by_limma <- function(p, x, y) {
	s <- sides(p, x, y)
	fit <- limma::lmFit(cbind(s$old, s$new), cbind(1, rep(0:1, p[2:3])))
	fit <- suppressWarnings(limma::eBayes(fit)) # it warns of variances of zero
	error <- sqrt(fit$s2.post) * fit$stdev.unscaled[, 2]
	total <- rep_len(fit$df.total, p[1])
	same <- mapply(function(estimate, error, freedom) tests(estimate, error, freedom, p[4])[5],
		fit$coefficients[, 2], error, total)
	c(rbind(fit$coefficients[, 2], error, total, fit$p.value[, 2], same))
}

# --- many cells ---

# Kind (0 same, 1 faster, 2 slower, 3 can't tell, 4 invalid), low, high.
decide <- function(q, x, y) {
	v <- matrix(x, ncol = 5, byrow = TRUE)
	counted <- !is.na(v[, 4])
	differs <- p.adjust(v[, 4], "BH") <= q
	same <- p.adjust(v[, 5], "BH") <= q
	kind <- ifelse(!counted, 4, ifelse(same, 0, ifelse(!differs, 3, ifelse(v[, 1] > 0, 2, 1))))
	selected <- counted & kind != 3
	level <- ifelse(selected, 1 - q * sum(selected) / max(1, sum(counted)), 1 - q)
	half <- rep(NaN, nrow(v))
	half[counted] <- qt(0.5 + level[counted] / 2, v[counted, 3]) * v[counted, 2]
	c(rbind(kind, v[, 1] - half, v[, 1] + half))
}

# Lan and DeMets 1983 with O'Brien and Fleming's shape.
looks <- function(q, x, y) diff(c(0, 2 * pnorm(qnorm(q / 2) / sqrt(1:4 / 4))))

# --- comparing ---

oracles <- list(moments = moments, quantile = quantiles, t = student, median = median_interval,
	yuen = yuen, trimmed = weighted, samples = samples, pairs = pairs, ranks = ranks, pair = pair,
	boots = boots, decide = decide, looks = looks)
if (requireNamespace("limma", quietly = TRUE)) oracles$limma <- by_limma

# How far each answer is apart in units of the larger one, less what rounding of the data leaves.
off <- function(toll, other, rounding) {
	if (length(toll) != length(other)) return(Inf)
	apart <- pmax(0, abs(toll - other) - rounding) / pmax(abs(toll), abs(other))
	ifelse(is.nan(toll) | is.nan(other), ifelse(is.nan(toll) & is.nan(other), 0, Inf),
		ifelse(toll == other, 0, apart))
}

# What is lost in each answer, of data up to so much: a difference of means has the digits that its terms
# have. GSL's tail of Student's t has less than nine digits where p is below 1e-10, on which nothing
# hangs.
rounding_of <- function(name, most) {
	terms <- 8 * .Machine$double.eps * most
	tail <- 1e-18
	switch(name, quantile = terms, samples = c(terms, 0, 0, tail, tail, terms, terms),
		pairs = c(0, 0, 0, tail, tail, 0, 0), yuen = c(0, 0, 0, tail), boots = ,
		limma = c(terms, 0, 0, tail, tail), 0)
}

numbers <- function(text) as.numeric(strsplit(text, " ", fixed = TRUE)[[1]])
lines <- strsplit(paste0(readLines("stdin"), "\t."), "\t", fixed = TRUE)
asked <- vapply(lines, `[`, "", 1)
number <- 0
failed <- FALSE
say <- function(fine, text) {
	number <<- number + 1
	failed <<- failed || !fine
	cat(if (fine) "ok" else "not ok", number, text, "\n")
}
for (name in names(oracles)) {
	lines_of <- lines[asked == if (name == "limma") "boots" else name]
	worst <- 0
	for (line in lines_of) {
		x <- numbers(line[3])
		y <- numbers(line[4])
		toll <- numbers(line[5])
		rounding <- rep_len(rounding_of(name, max(abs(c(x, y, 0)))), length(toll))
		other <- oracles[[name]](numbers(line[2]), x, y)
		apart <- off(toll, other, rounding)
		at <- which.max(apart)
		if (apart[at] > digits)
			cat(sprintf("# %s(%s), %d and %d values: answer %d is %.17g, R: %.17g\n", name, line[2],
				length(x), length(y), at, toll[at], other[at]))
		worst <- max(worst, apart)
	}
	say(length(lines_of) > 0 && worst <= digits,
		sprintf("R: %s: %d answers, at most %.1e apart", name, length(lines_of), worst))
}
if (is.null(oracles$limma)) cat("ok", number + 1, "# skip no limma (r-bioc-limma)\n")
n <- rep(1001:5000, 3)
level <- rep(c(0.9, 0.95, 0.99), each = 4000)
wider <- exact_rank(n, level) - normal_rank(n, level)
say(all(wider %in% 0:1) && mean(wider) < 0.01, sprintf(
	"R: median: above 1000 values %.1f %% of intervals are a rank wider than need be, none narrower",
	100 * mean(wider)))
say(all(asked %in% names(oracles)), "R: every question was asked")
if (failed) quit(status = 1)
