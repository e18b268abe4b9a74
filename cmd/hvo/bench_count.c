/* SPDX-License-Identifier: MIT */
/*
 * Counting instructions: with the processor's counter where the kernel gives
 * it to us, else by walking a child through the loop step by step, which is
 * slow, exact, and the same every time.
 */
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

/* Look-ups counted: twice as many, less as many, so that what surrounds the
 * loop cancels out. */
#define COUNTED 512

/* One call of lab_walk(). */
struct call {
	enum lab_walk how;
	const uintptr_t *records;
	size_t n;
};

static volatile uint64_t sink;

static void make_call(const struct call *call)
{
	sink = lab_walk(call->how, call->records, call->n);
}

const char *bench_method_text(enum bench_method method)
{
	switch (method) {
	case BENCH_COUNTER:
		return "the processor's counter";
	case BENCH_STEPS:
		return "single steps";
	default:
		return "not counted: neither perf_event_open() nor ptrace() "
		       "is permitted";
	}
}

/* ---- the processor's counter ------------------------------------------ */

static int open_counter(void)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_HARDWARE,
	    .size = sizeof(attr),
	    .config = PERF_COUNT_HW_INSTRUCTIONS,
	    .disabled = 1,
	    .exclude_kernel = 1,
	    .exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			    PERF_FLAG_FD_CLOEXEC);
}

static bool count_by_counter(const struct call *call, uint64_t *count)
{
	int fd = open_counter();
	bool read_all;

	if (fd < 0)
		return false;
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	make_call(call);
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	read_all = read(fd, count, sizeof(*count)) == sizeof(*count);
	close(fd);
	return read_all;
}

/* ---- single steps ----------------------------------------------------- */

/* The child: stop, do what is counted, stop again. */
static _Noreturn void be_stepped(const struct call *call)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	raise(SIGSTOP);
	make_call(call);
	raise(SIGSTOP);
	_exit(0);
}

static bool wait_stop(pid_t child, int *signal)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return false;
	*signal = WSTOPSIG(status);
	return true;
}

/* From the child's first stop to its second. */
static bool count_steps(pid_t child, uint64_t *count)
{
	int signal;

	*count = 0;
	if (!wait_stop(child, &signal) || signal != SIGSTOP)
		return false;
	do {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) ||
		    !wait_stop(child, &signal))
			return false;
		++*count;
	} while (signal == SIGTRAP);
	return signal == SIGSTOP;
}

static bool count_by_steps(const struct call *call, uint64_t *count)
{
	pid_t child = fork();
	bool counted;

	if (child < 0)
		return false;
	if (!child)
		be_stepped(call);
	counted = count_steps(child, count);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return counted;
}

/* ---- both ------------------------------------------------------------- */

typedef bool counting(const struct call *call, uint64_t *count);

/* Instructions of the second half of the records. */
static bool count_half(counting *count, enum lab_walk how,
		       const struct bench_sample *sample, size_t half,
		       double *instructions)
{
	struct call call = {how, sample->records, half};
	uint64_t once, twice;

	if (!count(&call, &once))
		return false;
	call.n = 2 * half;
	if (!count(&call, &twice))
		return false;
	*instructions = (double)(twice - once) / (double)half;
	return true;
}

/* The loop alone: what it reads makes no difference to it. */
static bool count_empty(counting *count, const struct bench_sample *sample,
			size_t half, double *instructions)
{
	static double empty;
	static counting *counted_by;

	if (counted_by != count &&
	    !count_half(count, LAB_WALK_EMPTY, sample, half, &empty))
		return false;
	counted_by = count;
	*instructions = empty;
	return true;
}

static bool count_walk(counting *count, enum lab_walk how,
		       const struct bench_sample *sample, double *instructions)
{
	size_t half = sample->n / 2 < COUNTED ? sample->n / 2 : COUNTED;
	double all, empty;

	if (!count_half(count, how, sample, half, &all) ||
	    !count_empty(count, sample, half, &empty))
		return false;
	*instructions = all - empty;
	return true;
}

enum bench_method bench_instructions(enum lab_walk how,
				     const struct bench_sample *sample,
				     double *instructions)
{
	if (count_walk(count_by_counter, how, sample, instructions))
		return BENCH_COUNTER;
	if (count_walk(count_by_steps, how, sample, instructions))
		return BENCH_STEPS;
	return BENCH_NOT_COUNTED;
}
