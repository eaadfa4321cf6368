# forest.gp - a comparison: a row a cell, worst first, its change of time with its interval, and the
# margin as a band. What reaches beyond the axis ends in an arrow.
# By hand: toll compare --format tsv OLD NEW >forest.tsv
#          gnuplot -e "data='forest.tsv'; out='forest.svg'" forest.gp
stats data index 2 using 1 nooutput
height = 194 + 20 * STATS_records
width = 960
load 'style.gp'
stats data index 1 using (band_low = column(1), band_high = column(2), 0) nooutput

set yrange [rows + 0.7 : 0.3]
set xrange [x_low : x_high]
left = 24 + 6.5 * margin
set lmargin at screen left / width
set rmargin at screen 1 - 190.0 / width
set tmargin at screen 1 - 118.0 / height
set bmargin at screen 70.0 / height
set border 1
set ytics 1, 1 scale 0 format ''
set grid xtics ytics ls 100
set xlabel axis

# The axis is that of ln(new / old): equal steps are equal factors. It is marked in percent, or in
# factors where it is long.
span = x_high - x_low
set xtics ()
if (span < 1.2) {
	step = 100
	do for [s in '50 20 10 5 2 1 0.5 0.2 0.1 0.05 0.02 0.01'] {
		if (100 * (exp(x_high) - exp(x_low)) / s <= 9) { step = s + 0.0 }
	}
	do for [k = -10 : 10] {
		v = k * step
		if (v > -100 && log(1 + v / 100) >= x_low && log(1 + v / 100) <= x_high) {
			set xtics add (k == 0 ? '0' : sprintf('%+g %%%%', v) log(1 + v / 100))
		}
	}
} else {
	every_ten = ceil(span / log(10) / 9)
	do for [k = -330 : 330] {
		if (k % every_ten == 0) {
			do for [m in span < 5 ? '1 2 5' : '1'] {
				v = log(m) + k * log(10)
				if (v >= x_low && v <= x_high) {
					set xtics add (abs(k) < 5 ? sprintf('×%g', exp(v)) : sprintf('×1e%d', k) v)
				}
			}
		}
	}
}

set object 1 rectangle from band_low, graph 0 to band_high, graph 1 behind fillstyle solid noborder \
	fillcolor rgb '#DEDEDE'
set arrow 1 from 0, graph 0 to 0, graph 1 nohead back lc rgb faint lw 1

# column 5: 1 slower, 2 faster, 3 invalid, 4 can't tell, 5 same
array kind[5] = ['slower', 'faster', 'invalid', "can't tell", 'same']
array tint[5] = [colour[2], colour[1], colour[8], ink[7], ink[8]]
array mark[5] = [5, 7, 2, 12, 6]
# Texts are labels: their places are exact for every font.
array seen[5] = [0, 0, 0, 0, 0]
array name[rows]
array change[rows]
array bounds[rows]
stats data index 2 using (seen[int(column(5))] = 1, name[int(column(1))] = strcol(6), \
	change[int(column(1))] = strcol(7), bounds[int(column(1))] = strcol(8), 0) nooutput
do for [i = 1 : rows] {
	set label (3 * i + 100) name[i] at screen (left - 8) / width, first i right tc rgb text font little
	set label (3 * i + 101) change[i] at screen 1 - 128.0 / width, first i right tc rgb text font little
	set label (3 * i + 102) bounds[i] at screen 1 - 118.0 / width, first i left tc rgb faint font little
}
x = 8.0
do for [k = 1 : 5] {
	# invalid rows have no symbol
	if (seen[k] && k != 3) {
		set label (10 + k) kind[k] at screen x / width, screen 1 - 99.0 / height left offset 1, 0 \
			tc rgb text font little point pt mark[k] ps 0.75 lw 1.4 lc rgb tint[k]
		x = x + 34 + 6.5 * strlen(kind[k])
	}
}

stub = 0.04 * span
within(x) = x < x_low ? x_low : x > x_high ? x_high : x
# Where the bar of a row begins and ends: at least a stub of it is seen.
from(low) = low > x_high - stub ? x_high - stub : within(low)
to(high) = high < x_low + stub ? x_low + stub : within(high)
over(k) = column(5) == k && column(4) > x_high
under_(k) = column(5) == k && column(3) < x_low
plot for [k = 1 : 5] data index 2 using (column(5) == k ? from(column(3)) : NaN) : 1 : \
		(to(column(4)) - from(column(3))) : (0) with vectors nohead lw 1.6 lc rgb tint[k], \
	for [k = 1 : 5] data index 2 using (over(k) ? x_high - stub : NaN) : 1 : (stub) : (0) \
		with vectors head filled size screen 0.009, 20 lw 1.6 lc rgb tint[k], \
	for [k = 1 : 5] data index 2 using (under_(k) ? x_low + stub : NaN) : 1 : (-stub) : (0) \
		with vectors head filled size screen 0.009, 20 lw 1.6 lc rgb tint[k], \
	for [k = 1 : 5] data index 2 using (column(5) == k ? column(2) : NaN) : 1 \
		with points pt mark[k] ps 0.75 lw 1.4 lc rgb tint[k]
set output
