# bandwidth.gp - payload received per second against message size.
# By hand: gnuplot -e "data='bandwidth-1.tsv'; out='bandwidth-1.svg'" bandwidth.gp
scale = 1
unit = 'B/s'
load 'curves.gp'
