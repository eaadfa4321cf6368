# sharing.gp - what false sharing costs: time with all counters on one line over time with a line each.
# By hand: gnuplot -e "data='sharing-1.tsv'; out='sharing-1.svg'" sharing.gp
stats data index 1 using 2 nooutput
height = 190 + 26 * STATS_records
load 'style.gp'

set yrange [rows + 0.7 : 0.3]
set logscale x 2
set xrange [x_low : x_high]
set xtics ()
do for [m in x_high / x_low < 4 ? '0.25 0.5 0.75 1 1.25 1.5 2 3 4' : x_high / x_low < 24 ? \
	'0.25 0.5 1 2 4 8 16 32 64' : '0.0625 0.25 1 4 16 64 256'] {
	if (m >= x_low && m <= x_high) {
		set xtics add (sprintf('%s ×', m) m + 0)
	}
}
set lmargin margin
set rmargin 22
set border 1
set ytics scale 0
set grid ytics ls 100
set xlabel axis
set arrow 1 from 1, graph 0 to 1, graph 1 nohead lc rgb faint lw 1 dt 3

# column 7: 1 round trip, 2 throughput
plot data index 1 using ($7 == 1 ? $2 : NaN) : 1 : 3 : 4 : ytic(5) with xerrorbars \
		lw 1.4 pt 7 ps 0.9 lc rgb colour[1], \
	data index 1 using ($7 == 2 ? $2 : NaN) : 1 : 3 : 4 with xerrorbars \
		lw 1.4 pt 4 ps 0.9 lc rgb colour[2], \
	data index 1 using (x_high) : 1 : (strcol(6)) with labels left offset 1, 0 tc rgb text
set output
