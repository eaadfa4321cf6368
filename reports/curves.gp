# curves.gp - a line per variant over message size, with 95 % intervals and its name at its end. Loaded
# by latency.gp and bandwidth.gp, which set scale (of columns 2 to 4, to base units) and unit.
load 'style.gp'

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
	do for [m in high / low < 12 ? '1 1.5 2 3 5 7' : high / low < 2e3 ? '1 2 5' : '1'] {
		v = m * 10.0 ** k
		if (v >= low && v <= high) {
			# a hair more, or gnuplot writes 1000 of one unit for 1 of the next
			set ytics add (gprintf('%.0s %c', v * 1.0000001) . unit v)
		}
	}
}

plot for [i = 1 : rows] data index i using 1 : (column(2) * scale) with lines lw 1.6 \
		dt dashes[shape(i)] lc rgb colour[hue(i)], \
	for [i = 1 : rows] data index i \
		using 1 : (column(2) * scale) : (column(3) * scale) : (column(4) * scale) \
		with yerrorbars lw 1.4 ps 0 lc rgb colour[hue(i)], \
	for [i = 1 : rows] data index i using 1 : (column(2) * scale) with points \
		pt symbol[shape(i)] ps 0.8 lc rgb colour[hue(i)], \
	for [i = 1 : rows] data index (rows + 1) every ::(i - 1)::(i - 1) \
		using 1 : (column(2) * scale) : (strcol(3)) with labels left offset 1, 0 \
		tc rgb ink[hue(i)]
set output
