# parts.gp - where the time of round trips goes: a bar a cell, stacked of what its parts take by the
# run's controls; the mark is what was measured, hatched what the parts leave unexplained.
# By hand: gnuplot -e "data='parts-1.tsv'; out='parts-1.svg'" parts.gp
stats data index 1 using 2 nooutput
height = 230 + 24 * STATS_records
load 'style.gp'
# which parts any of the bars has
stats data index 3 using (used = strcol(1), 0) nooutput

array name[6] = ['own path', 'system calls', 'sleeps, wake-ups', 'switches', 'cache lines', 'unexplained']
array inks[6] = ['#0072B2', '#56B4E9', '#E69F00', '#D55E00', '#009E73', '#7F7F7F']
part(i) = int(word(used, i))

set yrange [rows + 0.7 : 0.3]
set xrange [0 : x_high]
set lmargin margin
set rmargin 16
set border 1
set ytics scale 0
set grid xtics ls 100
set xlabel axis
set bmargin 7
set key at screen 0.5, 0.01 bottom center horizontal reverse Left samplen 1.4 maxrows 2 tc rgb text
# neighbours are of different lightness, for grey paper, and white lies between them
style(p) = p == 6 ? 4 : 3
edge(p) = p == 6 ? '#7F7F7F' : '#FFFFFF'

plot data index 1 using 2 : 1 : ytic(5) with points pt 0 lc rgb 'white' notitle, \
	for [i = 1 : words(used)] data index 2 using ($4 == part(i) ? ($2 + $3) / 2 : NaN) : 1 : 2 : 3 : \
		($1 - 0.36) : ($1 + 0.36) with boxxyerror fs pattern style(part(i)) border lc rgb \
		edge(part(i)) lw 1 fc rgb inks[part(i)] title name[part(i)], \
	data index 1 using 2 : 1 : 3 : 4 with xerrorbars pt 13 ps 1 lw 1.6 lc rgb 'black' title 'measured', \
	data index 1 using (x_high) : 1 : (strcol(6)) with labels left offset 1, 0 tc rgb text notitle
set output
