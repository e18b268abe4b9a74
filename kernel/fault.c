/* SPDX-License-Identifier: MIT */
#include "fault.h"
#include "print.h"

static struct kernel_memory *about;
static struct kernel_shared_tail_fault last[KERNEL_CPUS];

void kernel_fault_about(struct kernel_memory *memory)
{
	about = memory;
}

const struct kernel_shared_tail_fault *kernel_last_fault(unsigned cpu)
{
	return &last[cpu];
}

static bool is_in_vmemmap(uintptr_t address)
{
	return about && address >= about->config.base &&
	       address - about->config.base <
		   about->config.pfn_end * sizeof(struct hvo_page);
}

static struct kernel_shared_tail_fault
describe(const struct kernel_fault *fault)
{
	struct kernel_shared_tail_fault found = {.cpu = arch_cpu()};
	struct hvo_range_state state;

	if (!fault->write || !is_in_vmemmap(fault->address))
		return found;
	found.pfn =
	    (fault->address - about->config.base) / sizeof(struct hvo_page);
	state = hvo_vmemmap_state(hvo_mm_vmemmap(about->mm), found.pfn);
	found.shared_tail = fault->present && state.state == HVO_OPTIMIZED;
	found.order = state.order;
	found.node = state.domain / HVO_ZONES;
	found.zone = state.domain % HVO_ZONES;
	return found;
}

static void tell(struct hvo_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(struct hvo_line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	kernel_format(line, format, args);
	va_end(args);
}

static void tell_fault(struct hvo_line *line, const struct kernel_fault *fault,
		       const struct kernel_shared_tail_fault *found)
{
	if (found->shared_tail)
		tell(line,
		     "write to a shared tail: pfn %llu, order %u, node %u, "
		     "zone %s, CPU %u, from %#lx",
		     (unsigned long long)found->pfn, found->order, found->node,
		     hvo_zone_name((enum hvo_zone_type)found->zone), found->cpu,
		     (unsigned long)fault->pc);
	else
		tell(line, "%s, code %#llx, %s %#lx, CPU %u, from %#lx",
		     fault->what, (unsigned long long)fault->code,
		     fault->write ? "write to" : "access to",
		     (unsigned long)fault->address, found->cpu,
		     (unsigned long)fault->pc);
}

void kernel_fault(const struct kernel_fault *fault)
{
	struct kernel_shared_tail_fault found = describe(fault);
	char text[200];
	struct hvo_line line = hvo_line_in(text, sizeof(text));

	last[found.cpu] = found;
	tell_fault(&line, fault, &found);
	if (!fault->probe)
		kernel_panic("%s", text);
	kernel_print("# probe: %s\n", text);
}
