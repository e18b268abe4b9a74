/* SPDX-License-Identifier: MIT */
/*
 * The way from the RSDP to a table, and what all tables have in common.
 *
 * Source: ACPI specification 6.5, 5.2.5 "Root System Description Pointer",
 * 5.2.6 "System Description Table Header", 5.2.7 and 5.2.8 (RSDT, XSDT).
 *
 * The tables form a tree of which only the first level is walked, so that no
 * pointer, wherever it leads, makes a loop.
 */
#include "acpi.h"
#include "bytes.h"
#include "fault.h"

#define RSDP_BYTES   20
#define RSDP_BYTES_2 36 /* from revision 2 on */

static bool adds_up(const uint8_t *bytes, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return !sum;
}

static bool has_signature(const uint8_t *bytes, const char *signature, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != (uint8_t)signature[i])
			return false;
	return true;
}

/* A table's name is its signature, but for two. */
static void name_of(const char *signature, char name[5])
{
	if (has_signature((const uint8_t *)signature, "APIC", 4))
		signature = "MADT";
	else if (has_signature((const uint8_t *)signature, "FACP", 4))
		signature = "FADT";
	for (size_t i = 0; i < 4; i++)
		name[i] = signature[i];
	name[4] = '\0';
}

enum hvo_firmware_error hvo_acpi_check(const void *table, size_t bytes,
				       const char *signature, size_t least,
				       size_t *size,
				       struct hvo_firmware_fault *fault)
{
	const uint8_t *p = table;
	char name[5];
	uint32_t length;

	name_of(signature, name);
	if (bytes < HVO_ACPI_HEADER)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_TRUNCATED, name,
					 bytes);
	if (!has_signature(p, signature, 4))
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_MAGIC, name, 0);
	length = hvo_le32(p + 4);
	if (length < HVO_ACPI_HEADER || length < least ||
	    length > HVO_ACPI_TABLE_BYTES)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_LENGTH, name, 4);
	if (length > bytes)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_TRUNCATED, name,
					 bytes);
	if (!adds_up(p, length))
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_CHECKSUM, name, 9);
	*size = length;
	return HVO_FIRMWARE_OK;
}

static enum hvo_firmware_error check_entry(const struct hvo_acpi_walk *walk,
					   const uint8_t *p, size_t left)
{
	if (left < 2 || p[1] > left)
		return HVO_FIRMWARE_TRUNCATED;
	if (p[1] < 2 || (p[0] < walk->types && p[1] < walk->least[p[0]]))
		return HVO_FIRMWARE_LENGTH;
	return walk->entry(walk->context, &(struct hvo_acpi_entry){
					      .bytes = p,
					      .type = p[0],
					      .size = p[1],
					  });
}

enum hvo_firmware_error hvo_acpi_entries(const void *table, size_t size,
					 const struct hvo_acpi_walk *walk,
					 struct hvo_firmware_fault *fault)
{
	const uint8_t *p = table;

	for (size_t at = walk->first; at < size; at += p[at + 1]) {
		enum hvo_firmware_error error =
		    check_entry(walk, p + at, size - at);

		if (error)
			return hvo_fault_at_byte(fault, error, walk->name, at);
	}
	return HVO_FIRMWARE_OK;
}

/* ---- from the RSDP to a table ------------------------------------------- */

static enum hvo_firmware_error unreadable(struct hvo_firmware_fault *fault,
					  const char *name, uint64_t address)
{
	return hvo_fault(fault, HVO_FIRMWARE_UNREADABLE, name,
			 HVO_FIRMWARE_AT_ADDRESS, address);
}

/* The table at an address, whatever it is; its own length must be readable. */
static enum hvo_firmware_error load(const struct hvo_physical *physical,
				    uint64_t address, const char *name,
				    struct hvo_acpi_table *table,
				    struct hvo_firmware_fault *fault)
{
	const uint8_t *p =
	    physical->at(physical->context, address, HVO_ACPI_HEADER);
	uint32_t length;

	if (!p)
		return unreadable(fault, name, address);
	length = hvo_le32(p + 4);
	if (length < HVO_ACPI_HEADER || length > HVO_ACPI_TABLE_BYTES)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_LENGTH, name, 4);
	p = physical->at(physical->context, address, length);
	if (!p)
		return unreadable(fault, name, address);
	*table = (struct hvo_acpi_table){
	    .bytes = p,
	    .size = length,
	    .address = address,
	};
	return HVO_FIRMWARE_OK;
}

/* The list of tables: an XSDT, or else an RSDT. */
struct root {
	struct hvo_acpi_table table;
	const char *name;
	size_t entry; /* bytes of one address */
};

static enum hvo_firmware_error read_rsdp(const struct hvo_physical *physical,
					 uint64_t address, uint64_t *rsdt,
					 uint64_t *xsdt,
					 struct hvo_firmware_fault *fault)
{
	const uint8_t *p = physical->at(physical->context, address, RSDP_BYTES);
	uint32_t length;

	if (!p)
		return unreadable(fault, "RSDP", address);
	if (!has_signature(p, "RSD PTR ", 8))
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_MAGIC, "RSDP", 0);
	if (!adds_up(p, RSDP_BYTES))
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_CHECKSUM, "RSDP",
					 8);
	*rsdt = hvo_le32(p + 16);
	*xsdt = 0;
	if (p[15] < 2)
		return HVO_FIRMWARE_OK;

	p = physical->at(physical->context, address, RSDP_BYTES_2);
	if (!p)
		return unreadable(fault, "RSDP", address);
	length = hvo_le32(p + 20);
	if (length < RSDP_BYTES_2 || length > HVO_ACPI_TABLE_BYTES)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_LENGTH, "RSDP",
					 20);
	p = physical->at(physical->context, address, length);
	if (!p)
		return unreadable(fault, "RSDP", address);
	if (!adds_up(p, length))
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_CHECKSUM, "RSDP",
					 32);
	*xsdt = hvo_le64(p + 24);
	return HVO_FIRMWARE_OK;
}

static enum hvo_firmware_error find_root(const struct hvo_physical *physical,
					 uint64_t rsdp, struct root *root,
					 struct hvo_firmware_fault *fault)
{
	uint64_t rsdt = 0, xsdt = 0;
	size_t size = 0;
	enum hvo_firmware_error error =
	    read_rsdp(physical, rsdp, &rsdt, &xsdt, fault);

	if (error)
		return error;
	if (!rsdt && !xsdt)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_ABSENT, "RSDT", 0);
	root->name = xsdt ? "XSDT" : "RSDT";
	root->entry = xsdt ? 8 : 4;
	error =
	    load(physical, xsdt ? xsdt : rsdt, root->name, &root->table, fault);
	if (error)
		return error;
	error = hvo_acpi_check(root->table.bytes, root->table.size, root->name,
			       HVO_ACPI_HEADER, &size, fault);
	if (error)
		return error;
	if ((size - HVO_ACPI_HEADER) / root->entry > HVO_ACPI_TABLES)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_LENGTH, root->name,
					 4);
	return HVO_FIRMWARE_OK;
}

/* The addresses are not aligned: the header has 36 bytes. */
static uint64_t root_address(const struct root *root, size_t at)
{
	const uint8_t *p = root->table.bytes;

	return root->entry == 8 ? hvo_le64(p + at) : hvo_le32(p + at);
}

enum hvo_firmware_error hvo_acpi_find(const struct hvo_physical *physical,
				      uint64_t rsdp, const char *signature,
				      struct hvo_acpi_table *table,
				      struct hvo_firmware_fault *fault)
{
	char name[5];
	struct root root = {0};
	enum hvo_firmware_error error = find_root(physical, rsdp, &root, fault);

	name_of(signature, name);
	if (error)
		return error;
	for (size_t at = HVO_ACPI_HEADER; at + root.entry <= root.table.size;
	     at += root.entry) {
		uint64_t address = root_address(&root, at);
		const uint8_t *header;

		if (!address)
			continue;
		header =
		    physical->at(physical->context, address, HVO_ACPI_HEADER);
		if (!header)
			return hvo_fault_at_byte(fault, HVO_FIRMWARE_UNREADABLE,
						 root.name, at);
		if (!has_signature(header, signature, 4))
			continue;
		error = load(physical, address, name, table, fault);
		if (error)
			return error;
		return hvo_acpi_check(table->bytes, table->size, signature,
				      HVO_ACPI_HEADER, &table->size, fault);
	}
	return hvo_fault_at_byte(fault, HVO_FIRMWARE_ABSENT, name, 0);
}
