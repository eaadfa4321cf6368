# latency.gp - round trips (or time per message) against message size.
# By hand: gnuplot -e "data='latency-1.tsv'; out='latency-1.svg'" latency.gp
scale = 1e-9 # the file is in ns
unit = 's'
load 'curves.gp'
