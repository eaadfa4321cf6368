# ratio.gp - where one variant overtakes another: the ratio of their times, from pairs of workers that
# lived side by side, against message size. One panel a pair, all on one scale.
# By hand: gnuplot -e "data='ratio-1.tsv'; out='ratio-1.svg'" ratio.gp
stats data using 1 nooutput
lines = int((STATS_blocks - 1 + 1) / 2)
height = 120 + 220 * lines
load 'style.gp'

top = 100.0 / height
array panel[rows]
do for [i = 1 : rows] {
	stats data index i using (panel[i] = strcol(5), 0) nooutput
}
set multiplot
unset label 1
unset label 2
unset label 3
set tmargin 0
set bmargin 0
set logscale x 2
set logscale y 2
set xrange [x_low : x_high]
set yrange [y_low : y_high]
set grid ytics ls 100
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead lc rgb faint lw 1
set xtics ()
do for [k = 0 : 40] {
	v = 2.0 ** k
	if (k % (2 * size_step) == 0 && v >= x_low && v <= x_high) {
		set xtics add (size_text(v) v)
	}
}
set ytics ()
do for [m in y_high / y_low > 4 ? '0.02 0.05 0.1 0.2 0.5 1 2 5 10 20 50' : \
	y_high / y_low > 1.7 ? '0.5 0.67 0.8 1 1.25 1.5 2' : '0.8 0.9 1 1.1 1.25'] {
	if (m >= y_low && m <= y_high) {
		set ytics add (sprintf('%s ×', m) m + 0)
	}
}
do for [i = 1 : rows] {
	column_of = (i - 1) % 2
	line_of = (i - 1) / 2
	bottom = 1 - top - (line_of + 1) * (1 - top) / lines
	set lmargin at screen 0.08 + 0.49 * column_of
	set rmargin at screen 0.47 + 0.49 * column_of
	set tmargin at screen bottom + (1 - top) / lines - 26.0 / height
	set bmargin at screen bottom + 40.0 / height
	set label 4 panel[i] at graph 0, 1 offset 0, 0.7 left tc rgb text font little
	if (i == 1) {
		set label 1 title at screen 0.002, 1 offset 0, -1.1 left tc rgb text font big
		set label 2 under at screen 0.002, 1 offset 0, -2.6 left tc rgb faint font little
		set label 3 where at screen 0.002, 1 offset 0, -3.7 left tc rgb faint font little
	} else {
		unset label 1
		unset label 2
		unset label 3
	}
	plot data index i using 1 : 2 with lines lw 1.6 lc rgb colour[1], \
		data index i using 1 : 2 : 3 : 4 with yerrorbars lw 1.4 pt 7 ps 0.7 lc rgb colour[1]
}
unset multiplot
set output
