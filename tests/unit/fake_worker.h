/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fake_worker.h - a toll-worker whose answers are known: a shell script that --describe and
 * --examine call. It misbehaves over the options that say so. */
#ifndef FAKE_WORKER_H
#define FAKE_WORKER_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../bench/worker/page.h"

/* clang-format off */
#define FAKE_MECHANISM(name, waits, slots, self_only, options)                                     \
	"{\"name\":\"" name "\",\"about\":\"a " name "\",\"from\":\"built in\",\"waits\":[" waits "],"  \
	"\"producers\":1,\"consumers\":1,\"most_depth\":0,\"in_place\":false,\"bytes_only\":false,"     \
	"\"duplex\":false,\"to_all\":false,\"slots\":" slots ",\"lossy\":false,"                        \
	"\"self_only\":" self_only ",\"options\":[" options "]}"
#define FAKE_OPTION(name, value, values)                                                           \
	"{\"name\":\"" name "\",\"value\":\"" value "\",\"values\":\"" values "\",\"about\":\"x\"}"
#define FAKE_PATTERN(name, least, most, peers, quantity, messages, shape, options)                 \
	"{\"name\":\"" name "\",\"about\":\"x\",\"least_peers\":" least ",\"most_peers\":" most ","     \
	"\"peers\":" peers ",\"least_size\":1,\"alternates\":false,\"quantity\":\"" quantity "\","      \
	"\"messages\":" messages ",\"edges\":[],\"shape\":\"" shape "\",\"options\":[" options "]}"

/* Members before and behind the mechanisms, so that a test can put a wrong one in their place. */
#define FAKE_HEAD_OF(page)                                                                         \
	"{\"abi\":1,\"version\":\"0\",\"page\":" page ",\"compiler\":\"x\",\"clock\":\"tsc\","
#define FAKE_HEAD FAKE_HEAD_OF("@page@") /* the true one */
#define FAKE_MECHANISMS                                                                            \
	"\"mechanisms\":["                                                                         \
	FAKE_MECHANISM("futex", "\"block\"", "true", "false", "") ","                              \
	FAKE_MECHANISM("null", "\"spin\"", "true", "true", "") ","                                 \
	FAKE_MECHANISM("pipe", "\"spin\",\"block\",\"poll\"", "false", "false",                    \
		       FAKE_OPTION("capacity", "64K", "4K … 1M")) ","                              \
	FAKE_MECHANISM("ring", "\"spin\",\"block\"", "true", "false",                              \
		       FAKE_OPTION("layout", "slot", "slot, shared-line") ","                      \
		       FAKE_OPTION("memory", "plain", "plain, huge, giant, crash, hang")) ","      \
	FAKE_MECHANISM("unix-stream", "\"spin\",\"block\",\"poll\"", "false", "false", "") "]"
#define FAKE_PATTERNS                                                                              \
	"\"patterns\":["                                                                           \
	FAKE_PATTERN("pingpong", "2", "2", "2", "rtt_ns", "2", "pair", "") ","                     \
	FAKE_PATTERN("pipeline", "3", "16", "3", "per_message_ns", "1", "chain",                   \
		     FAKE_OPTION("stages", "1", "1 … 14")) ","                                     \
	FAKE_PATTERN("pairs", "2", "16", "4", "rtt_ns", "2", "pairs", "") ","                      \
	FAKE_PATTERN("self", "1", "1", "1", "per_message_ns", "1", "one", "") ","                  \
	FAKE_PATTERN("stream", "2", "2", "2", "per_message_ns", "1", "pair", "") "]"
#define FAKE_DESCRIPTION FAKE_HEAD FAKE_MECHANISMS "," FAKE_PATTERNS ",\"failed\":[]}"

/* 64 slots for rings, nothing of 1M through futex; 300 MiB, 2 GiB, a crash, a hang on request. */
#define FAKE_EXAMINE                                                                               \
	"tab=$(printf '\\t')\n"                                                                    \
	"while IFS=$tab read -r key cpus; do\n"                                                    \
	"	case $key in\n"                                                                    \
	"	*memory=crash*) kill -SEGV $$ ;;\n"                                                \
	"	*memory=hang*) exec sleep 60 ;;\n"                                                 \
	"	*memory=huge*) echo \"ok${tab}64${tab}314572800${tab}0${tab}64\" ;;\n"             \
	"	*memory=giant*) echo \"ok${tab}64${tab}2147483648${tab}0${tab}64\" ;;\n"           \
	"	futex/*/1M/*) echo \"no${tab}futex carries 64K at most\" ;;\n"                     \
	"	ring*) echo \"ok${tab}64${tab}4096${tab}0${tab}64\" ;;\n"                          \
	"	*) echo \"ok${tab}64${tab}0${tab}1${tab}128.5\" ;;\n"                              \
	"	esac\n"                                                                            \
	"done\n"
/* clang-format on */

static char fake_worker[] = "/tmp/toll-fake-worker-XXXXXX";

/* Puts the script where TOLL_WORKER says; description is what --describe prints. 0 or -1. */
static inline int fake_worker_make(const char *description)
{
	static int made;
	int fd = made ? 0 : mkstemp(fake_worker);
	if (fd < 0 || (!made && close(fd)))
		return -1;
	made = 1;
	FILE *file = fopen(fake_worker, "w");
	if (!file)
		return -1;
	fprintf(file,
		"#!/bin/sh\ncase $1 in\n--describe) sed "
		"'s/@page@/{\"version\":%d,\"bytes\":%zu}/' "
		"<<'END'\n%s\nEND\n;;\n--examine)\n%s;;\nesac\n",
		PAGE_VERSION, sizeof(struct page), description, FAKE_EXAMINE);
	if (fclose(file) || chmod(fake_worker, 0700))
		return -1;
	return setenv("TOLL_WORKER", fake_worker, 1);
}

static inline int fake_worker_remove(void)
{
	return unlink(fake_worker);
}

#endif
