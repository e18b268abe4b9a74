/* SPDX-License-Identifier: MIT */
#include "break.h"
#include "print.h"

int kernel_break(struct kernel_memory *m)
{
	void *va = (void *)((uintptr_t)hvo_mm_page(m->mm, m->config.pfn_first) &
			    -KERNEL_PAGE);
	struct hvo_translation t = hvo_port_translate(m->port, va);
	struct hvo_run other = {hvo_frame_add(t.frame, 1), 1};

	if (!hvo_port_traits(m->port)->equal_bytes) {
		kernel_print("hvo: panic: command line: 'hvo.break': nothing "
			     "to break: a live entry's frame may change on "
			     "this architecture\n");
		return KERNEL_EXIT_USAGE;
	}
	hvo_port_repoint(m->port, va, 1, other, HVO_PROT_WRITE, HVO_MAY_FAIL);
	kernel_print("hvo: panic: a rule was broken, and nobody noticed\n");
	return KERNEL_EXIT_FAILED;
}
