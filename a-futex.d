futex.o: mechanisms/futex.c bench/toll.h build/patterns.h \
 bench/patterns/fanin.h bench/patterns/fanout.h bench/patterns/pingpong.h \
 bench/patterns/pipeline.h bench/patterns/self.h bench/patterns/stream.h \
 mechanisms/futex_pi.h
bench/toll.h:
build/patterns.h:
bench/patterns/fanin.h:
bench/patterns/fanout.h:
bench/patterns/pingpong.h:
bench/patterns/pipeline.h:
bench/patterns/self.h:
bench/patterns/stream.h:
mechanisms/futex_pi.h:
