/* SPDX-License-Identifier: MIT */
/*
 * The MADT (signature "APIC"): which CPUs there are.
 *
 * Source: ACPI specification 6.5, 5.2.12 and its sections: 2 "Processor Local
 * APIC", 8 "Local APIC Address Override", 12 "Processor Local x2APIC", 14
 * "GIC CPU Interface (GICC)", 24 "RISC-V INTC".
 */
#include "acpi.h"
#include "bytes.h"
#include "fault.h"
#include "nodes.h"

#define FIRST_ENTRY 44

enum {
	LOCAL_APIC = 0,
	LOCAL_APIC_ADDRESS = 5,
	LOCAL_X2APIC = 9,
	GICC = 11,
	RINTC = 24,
};

/* GICC: since ACPI 5.1, before which it had no MPIDR. */
static const uint8_t least[] = {
    [LOCAL_APIC] = 8,    [LOCAL_APIC_ADDRESS] = 12,
    [LOCAL_X2APIC] = 16, [GICC] = 76,
    [RINTC] = 20,
};

/* Flags of an entry. Enabled and online-capable have the same meaning in all,
 * but the GICC has the latter elsewhere.
 */
#define ENABLED             1u
#define ONLINE_CAPABLE      2u
#define GICC_ONLINE_CAPABLE 8u

/* The affinity fields of MPIDR_EL1; the others say nothing of identity. */
#define MPIDR_AFFINITY 0xff00ffffffull

struct madt {
	struct hvo_cpus *cpus;
	uint64_t local_apic;
};

static uint32_t flags_of(uint32_t flags, uint32_t online_capable)
{
	return (flags & ENABLED ? HVO_CPU_ENABLED : 0) |
	       (flags & online_capable ? HVO_CPU_ONLINE_CAPABLE : 0);
}

/*
 * A CPU that is neither enabled nor ever will be is an empty socket. One that
 * is there already is one CPU listed as APIC and x2APIC.
 */
static enum hvo_firmware_error add(struct hvo_cpus *cpus, uint64_t id,
				   uint32_t uid, uint32_t flags)
{
	struct hvo_cpu *known;

	if (!flags)
		return HVO_FIRMWARE_OK;
	known = hvo_cpu_by_id(cpus, id);
	if (!known)
		return hvo_cpus_add(cpus, &(struct hvo_cpu){
					      .id = id,
					      .uid = uid,
					      .node = HVO_NO_NODE,
					      .flags = flags,
					  });
	known->flags |= flags;
	return HVO_FIRMWARE_OK;
}

static enum hvo_firmware_error take(void *context,
				    const struct hvo_acpi_entry *entry)
{
	struct madt *madt = context;
	const uint8_t *p = entry->bytes;

	switch (entry->type) {
	case LOCAL_APIC:
		/* 255 is all CPUs, not one. */
		if (p[3] == UINT8_MAX)
			return HVO_FIRMWARE_OK;
		return add(madt->cpus, p[3], p[2],
			   flags_of(hvo_le32(p + 4), ONLINE_CAPABLE));
	case LOCAL_X2APIC:
		if (hvo_le32(p + 4) == UINT32_MAX)
			return HVO_FIRMWARE_OK;
		return add(madt->cpus, hvo_le32(p + 4), hvo_le32(p + 12),
			   flags_of(hvo_le32(p + 8), ONLINE_CAPABLE));
	case GICC:
		return add(madt->cpus, hvo_le64(p + 68) & MPIDR_AFFINITY,
			   hvo_le32(p + 8),
			   flags_of(hvo_le32(p + 12), GICC_ONLINE_CAPABLE));
	case RINTC:
		return add(madt->cpus, hvo_le64(p + 8), hvo_le32(p + 16),
			   flags_of(hvo_le32(p + 4), ONLINE_CAPABLE));
	case LOCAL_APIC_ADDRESS:
		madt->local_apic = hvo_le64(p + 4);
		return HVO_FIRMWARE_OK;
	default:
		return HVO_FIRMWARE_OK;
	}
}

enum hvo_firmware_error hvo_acpi_madt(const void *table, size_t bytes,
				      struct hvo_cpus *cpus,
				      uint64_t *local_apic,
				      struct hvo_firmware_fault *fault)
{
	struct madt madt = {.cpus = cpus};
	size_t count = cpus->count;
	size_t size = 0;
	enum hvo_firmware_error error =
	    hvo_acpi_check(table, bytes, "APIC", FIRST_ENTRY, &size, fault);

	if (error)
		return error;
	madt.local_apic = hvo_le32((const uint8_t *)table + 36);
	error = hvo_acpi_entries(table, size,
				 &(struct hvo_acpi_walk){
				     .name = "MADT",
				     .first = FIRST_ENTRY,
				     .least = least,
				     .types = sizeof(least),
				     .entry = take,
				     .context = &madt,
				 },
				 fault);
	if (error)
		cpus->count = count;
	else if (local_apic)
		*local_apic = madt.local_apic;
	return error;
}
