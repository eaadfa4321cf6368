# style.gp - what toll's figures share: paper, inks, symbols, ticks, and the first block of a data
# file, which says what the figure is about. Loaded by the others; reads `data`, draws to `out`.
set encoding utf8
set datafile separator tab
set datafile commentschars '#'
set micro

stats data index 0 using (title = strcol(1), under = strcol(2), where = strcol(3), \
	rows = int(column(4)), x_low = column(5), x_high = column(6), y_low = column(7), \
	y_high = column(8), margin = int(column(9)), axis = strcol(10), \
	hues = strcol(11), shapes = strcol(12), 0) nooutput

if (!exists("width")) width = 860
if (!exists("height")) height = 460
if (strlen(out) > 4 && out[strlen(out) - 3 : strlen(out)] eq '.png') {
	set terminal pngcairo noenhanced size 2 * width, 2 * height font 'Sans,11' \
		fontscale 1.9 linewidth 2 pointscale 2 background rgb 'white'
	big = ',13.5'
	little = ',10'
} else {
	set terminal svg noenhanced size width, height dynamic font 'Helvetica,13' \
		background rgb 'white'
	big = ',16'
	little = ',12'
}
set output out

# Okabe and Ito's colours, told apart by the colour-blind; labels take darker ones of the same hue.
# Symbols and dashes tell lines apart on grey paper.
array colour[8] = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#000000', '#56B4E9', '#E69F00', '#7F7F7F']
array ink[8] = ['#00639B', '#AF4D00', '#00704F', '#9C4A79', '#000000', '#22719E', '#8A5F00', '#5A5A5A']
array symbol[8] = [7, 5, 9, 13, 11, 6, 4, 8]
array dashes[8] = [1, 2, 4, 5, 3, 1, 2, 4]
# Which of them each row has: a variant keeps its colour in all figures of a result.
hue(i) = int(word(hues, i))
shape(i) = int(word(shapes, i))

text = '#333333'
faint = '#6B6B6B'
rule = '#DDDDDD'

set label 1 title at screen 0.002, 1 offset 0, -1.1 left tc rgb text font big
set label 2 under at screen 0.002, 1 offset 0, -2.6 left tc rgb faint font little
set label 3 where at screen 0.002, 1 offset 0, -3.7 left tc rgb faint font little
set tmargin 5.8
set border 3 lc rgb faint lw 0.8
set tics nomirror out textcolor rgb text
set xlabel textcolor rgb text
set ylabel textcolor rgb text
set style line 100 lc rgb rule lw 0.7 dt 1
# a label between the lines lies on paper
set style textbox opaque noborder fillcolor rgb 'white' margins 0.4, 0.3
unset key

size_text(v) = v < 1024 ? sprintf('%.4g B', v) : v < 1048576 ? sprintf('%.4g KiB', v / 1024) : \
	v < 1073741824 ? sprintf('%.4g MiB', v / 1048576) : sprintf('%.4g GiB', v / 1073741824)

# Digits that a logarithmic axis is marked at: more of them where it is short.
marks(low, high) = high / low < 2.5 ? '1 1.1 1.2 1.3 1.4 1.6 1.8 2 2.2 2.5 2.8 3.2 3.6 4 4.5 5 5.5 6 7 8 9' : \
	high / low < 12 ? '1 1.5 2 3 5 7' : high / low < 2e3 ? '1 2 5' : '1'

# Sizes are marked at powers of two, this many exponents apart so that their names have room.
size_step = x_low <= 0 ? 1 : x_high / x_low > 2 ** 14 ? 4 : x_high / x_low > 2 ** 7 ? 2 : 1
