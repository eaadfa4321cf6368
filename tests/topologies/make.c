/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make.c - writes the topologies of this folder: a synthetic description to an hwloc XML file, if
 * need be with some of its CPUs taken away, which is how unlike cores come about.
 *
 *   cc make.c -o /tmp/make $(pkg-config --cflags --libs hwloc)
 *   /tmp/make two-packages.xml "pack:2 [numa(memory=1GB)] l3:1 l2:2 l1d:1 core:1
 * pu:2(indexes=core:pack)"
 *   /tmp/make hybrid.xml "pack:2 [numa(memory=1GB)] l3:2 l2:2 core:4 l1d:1 pu:2" \
 *           0-1,8,10,12,14,16-17,24,26,28,30,32-33,40,42,44,46,48-49,56,58,60,62
 *   /tmp/make one-cpu.xml "pack:1 l3:1 l2:1 l1d:1 core:1 pu:1" */
#include <hwloc.h>
#include <stdio.h>

int main(int count, char **arguments)
{
	hwloc_topology_t topology;
	if (count < 3 || hwloc_topology_init(&topology) != 0)
		return 4;
	if (hwloc_topology_set_synthetic(topology, arguments[2]) != 0 ||
	    hwloc_topology_load(topology) != 0) {
		fprintf(stderr, "make: \"%s\" describes no topology\n", arguments[2]);
		return 4;
	}
	if (count > 3) {
		hwloc_bitmap_t kept = hwloc_bitmap_alloc();
		if (!kept || hwloc_bitmap_list_sscanf(kept, arguments[3]) != 0 ||
		    hwloc_topology_restrict(topology, kept, 0) != 0) {
			fprintf(stderr, "make: \"%s\" cannot be kept\n", arguments[3]);
			return 4;
		}
		hwloc_bitmap_free(kept);
	}
	int result = hwloc_topology_export_xml(topology, arguments[1], 0);
	hwloc_topology_destroy(topology);
	return result == 0 ? 0 : 4;
}
