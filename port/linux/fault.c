/* SPDX-License-Identifier: MIT */
/*
 * Owns the handler of SIGSEGV and SIGBUS, by which a probe finds out whether
 * the MMU lets a write pass.
 *
 * A probe says where it is about to write and jumps back from the handler if
 * that faults. All it needs is the thread's own. A fault anywhere else goes to
 * the handler that was installed before.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include "hvo_linux.h"

struct probe {
	sigjmp_buf back;
	volatile uintptr_t address; /* 0 while there is no probe */
};

/* No code may run in a signal handler to find it, so it is laid out early. */
static _Thread_local struct probe probe
    __attribute__((tls_model("initial-exec")));

static pthread_once_t install_once = PTHREAD_ONCE_INIT;
static int install_error;
/* Written once, before the handler is installed. */
static struct sigaction earlier_segv;
static struct sigaction earlier_bus;

static void pass_on(int signal, siginfo_t *info, void *context)
{
	const struct sigaction *earlier =
	    signal == SIGSEGV ? &earlier_segv : &earlier_bus;
	sigset_t mask = earlier->sa_mask;

	if (!(earlier->sa_flags & SA_SIGINFO) &&
	    (earlier->sa_handler == SIG_DFL ||
	     earlier->sa_handler == SIG_IGN)) {
		/* The faulting instruction runs again and ends the process,
		 * with the core dump where it belongs. */
		sigaction(signal, earlier, NULL);
		if (info->si_code <= 0)
			raise(signal); /* sent by kill(2): nothing runs again */
		return;
	}
	/* As the kernel would have; undone when the handler returns. */
	if (!(earlier->sa_flags & SA_NODEFER))
		sigaddset(&mask, signal);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	if (earlier->sa_flags & SA_SIGINFO)
		earlier->sa_sigaction(signal, info, context);
	else
		earlier->sa_handler(signal);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	if (info->si_code > 0 && probe.address &&
	    (uintptr_t)info->si_addr == probe.address)
		siglongjmp(probe.back, 1);
	pass_on(signal, info, context);
}

static void install(void)
{
	struct sigaction action = {
	    .sa_sigaction = on_fault,
	    /* Nothing is blocked, so the jump has no mask to restore. */
	    .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK,
	};

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, NULL, &earlier_segv) ||
	    sigaction(SIGBUS, NULL, &earlier_bus) ||
	    sigaction(SIGSEGV, &action, NULL) ||
	    sigaction(SIGBUS, &action, NULL))
		install_error = -1;
}

int hvo_linux_catch_faults(void)
{
	pthread_once(&install_once, install);
	return install_error;
}

bool hvo_linux_write_faults(void *va)
{
	volatile _Atomic unsigned char *byte = va;

	if (sigsetjmp(probe.back, 0)) {
		probe.address = 0;
		return true;
	}
	probe.address = (uintptr_t)va;
	/*
	 * A compare-and-swap of the byte for itself writes, and loses nothing
	 * that someone else writes meanwhile. Adding 0 would do as well, but
	 * compilers make a plain read of that.
	 */
	unsigned char value = *byte;
	while (!atomic_compare_exchange_strong(byte, &value, value))
		;
	probe.address = 0;
	return false;
}
