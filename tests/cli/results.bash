# SPDX-License-Identifier: GPL-3.0-or-later
# results.bash - result files whose truth is known, for tests of commands that only read.

# result FILE [NAME=VALUE…]: a run of so many cells (pipe/pingpong/same-cpu/64/block, …/65/block, …), the
# first `changed` of which take `factor` times as long. noise: sd of a worker's logarithm; boot_noise: of a
# boot's. mechanism: as it stands in JSON.
result() {
	local file=$1 cells=4 workers=20 turns=3 changed=0 factor=1 noise=0.005 boot_noise=0 seed=1
	local boot=boot-1 kernel=6.1.0 margin=0.02 mechanism=pipe failed=0 state=null host='' pair
	shift
	for pair in "$@"; do
		local "$pair"
	done
	awk -v cells="$cells" -v workers="$workers" -v turns="$turns" -v changed="$changed" \
		-v factor="$factor" -v noise="$noise" -v boot_noise="$boot_noise" -v seed="$seed" \
		-v boot="$boot" -v kernel="$kernel" -v margin="$margin" -v failed="$failed" \
		-v state="$state" -v mechanism="${mechanism//\\/\\\\}" -v host="${host//\\/\\\\}" '
		function gauss(  i, sum) {
			for (i = 0; i < 12; i++)
				sum += rand()
			return sum - 6
		}
		BEGIN {
			srand(seed)
			printf "{\"kind\":\"header\",\"schema\":1,\"toll\":\"0.1.0\",\"seed\":%d,", seed
			printf "\"host\":{\"name\":\"x\",\"boot_id\":\"%s\",\"kernel\":\"%s\",", boot, kernel
			printf "\"kernel_build\":\"#1 %s\",\"mitigations\":{\"meltdown\":\"Not affected\"},", kernel
			printf "%s\"limits\":{\"nofile\":1024}},\"clock\":{\"source\":\"tsc\"},", host
			printf "\"plan\":{\"config\":null,\"margin\":%s,\"tails\":false,\"cells\":[", margin
			for (c = 0; c < cells; c++) {
				printf "%s{\"id\":%d,\"key\":\"%s/pingpong/same-cpu/%d/block\",", c ? "," : "", c,
					mechanism, 64 + c
				printf "\"mechanism\":\"%s\",\"options\":\"\",\"pattern\":\"pingpong\",", mechanism
				printf "\"pattern_options\":\"\",\"placement\":\"same-cpu\",\"cpus\":[0,0],\"peers\":2,"
				printf "\"size\":%d,\"wait\":\"block\",\"wait_class\":\"sleeping\",\"idle\":null,", 64 + c
				printf "\"copy\":false,\"touch\":\"all\",\"peers_are\":\"processes\",\"messages\":2,"
				printf "\"quantity\":\"rtt_ns\",\"bytes\":%d}", 2 * (64 + c)
			}
			print "]}}"
			for (c = 0; c < cells; c++)
				of_boot[c] = boot_noise * gauss()
			for (w = 0; w < workers; w++)
				for (c = 0; c < cells; c++) {
					printf "{\"kind\":\"worker\",\"cell\":%d,\"round\":%d,\"block\":0,\"visit\":%d,",
						c, w, w
					if (c < failed) {
						print "\"state\":\"failed\",\"reason\":\"<b>lost @all</b> | \\\"x\\\"\"}"
						continue
					}
					ns = (4000 + c) * exp(of_boot[c] + noise * gauss())
					if (c < changed)
						ns *= factor
					printf "\"state\":\"ok\",\"operations\":16,\"host_state\":%s,\"batch_ns\":[", state
					for (t = 0; t < turns; t++)
						printf "%s%.6g", t ? "," : "", ns * exp(0.002 * gauss())
					print "],\"cpu_ns\":[1,1]}"
				}
		}' >"$file"
}
