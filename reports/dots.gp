# dots.gp - one size only: a row per variant, best first, with 95 % intervals.
# By hand: gnuplot -e "data='dots-1.tsv'; out='dots-1.svg'" dots.gp
stats data index 1 using 2 nooutput
height = 190 + 26 * STATS_records
load 'style.gp'

set yrange [rows + 0.7 : 0.3]
set xrange [x_low : x_high]
if (x_low > 0) {
	set logscale x
	set xtics ()
	do for [k = -4 : 7] {
		do for [m in marks(x_low, x_high)] {
			v = m * 10.0 ** k
			if (v >= x_low && v <= x_high) {
				set xtics add (sprintf('%.4g', v) v)
			}
		}
	}
	}
set lmargin margin
set rmargin 14
set border 1
set ytics scale 0
set grid ytics ls 100
set xlabel axis

# a value of one worker has no interval, and its dot all the same
plot data index 1 using 2 : 1 : 3 : 4 with xerrorbars lw 1.4 ps 0 lc rgb colour[1], \
	data index 1 using 2 : 1 : ytic(5) with points pt 7 ps 0.9 lc rgb colour[1], \
	data index 1 using (x_high) : 1 : (strcol(6)) with labels left offset 1, 0 tc rgb text
set output
