# curves.gp - a line per variant over message size, with 95 % intervals and its name at its end. Loaded
# by latency.gp and bandwidth.gp, which set scale (of columns 2 to 4, to base units) and unit.
load 'style.gp'

# Names at the lines' ends: end and place of each, read before there are ranges to leave them out.
array name[rows]
array end_x[rows]
array end_y[rows]
array place[rows]
array early[rows]
do for [i = 1 : rows] {
	stats data index (rows + 1) every ::(i - 1)::(i - 1) using (end_x[i] = column(1), \
		place[i] = column(2) * scale, name[i] = strcol(3), end_y[i] = column(4) * scale, \
		early[i] = column(5), 0) nooutput
}

low = y_low * scale
high = y_high * scale
set logscale x 2
set logscale y
set xrange [x_low : x_high]
set yrange [low : high]
set rmargin margin
set grid ytics ls 100
set xlabel 'message size'
set ylabel axis

set xtics ()
do for [k = 0 : 40] {
	v = 2.0 ** k
	if (k % size_step == 0 && v >= x_low && v <= x_high) {
		set xtics add (size_text(v) v)
	}
}
set ytics ()
do for [k = -10 : 14] {
	do for [m in marks(low, high)] {
		v = m * 10.0 ** k
		if (v >= low && v <= high) {
			# a hair more, or gnuplot writes 1000 of one unit for 1 of the next
			set ytics add (gprintf('%.0s %c', v * 1.0000001) . unit v)
		}
	}
}

# A name at the right edge has its line's symbol before it and, where it gave way, a hair line to it.
do for [i = 1 : rows] {
	if (early[i]) {
		# other lines go on beneath it
		set label (10 + i) name[i] at end_x[i], end_y[i] left offset 1, -0.2 front boxed \
			tc rgb ink[hue(i)]
	} else {
		set arrow (10 + i) from end_x[i], end_y[i] to graph 1.025, first place[i] nohead \
			lc rgb colour[hue(i)] lw 0.6
		set label (10 + i) name[i] at graph 1.03, first place[i] left offset 0.8, -0.2 \
			tc rgb ink[hue(i)] point pt symbol[shape(i)] ps 0.8 lc rgb colour[hue(i)]
	}
}

plot for [i = 1 : rows] data index i using 1 : (column(2) * scale) with lines lw 1.6 \
		dt dashes[shape(i)] lc rgb colour[hue(i)], \
	for [i = 1 : rows] data index i \
		using 1 : (column(2) * scale) : (column(3) * scale) : (column(4) * scale) \
		with yerrorbars lw 1.4 ps 0 lc rgb colour[hue(i)], \
	for [i = 1 : rows] data index i using 1 : (column(2) * scale) with points \
		pt symbol[shape(i)] ps 0.8 lc rgb colour[hue(i)]
set output
