/* SPDX-License-Identifier: MIT */
/*
 * Opening device trees, and reading single properties.
 *
 * Source: Devicetree Specification 0.4, chapter 2 (properties), chapter 5
 * (the flattened format). libfdt does the reading; it must not be given a
 * tree that it has not checked in full, which is what hvo_fdt_open() is for.
 */
#include <libfdt.h>
#include "fault.h"
#include "fdt_node.h"
#include "nodes.h"

#define NAME    "device tree"
#define VERSION 17 /* the first that gives the size of the structure */

/* ---- opening ------------------------------------------------------------ */

/* The byte behind a string's NUL; beyond end if it has none. */
static size_t string_end(const uint8_t *tree, size_t at, size_t end)
{
	while (at < end && tree[at])
		at++;
	return at + 1;
}

/*
 * Bytes from the beginning of the token at byte `at` to its end, which is in
 * the structure; 0 if it does not fit or is none.
 */
static size_t token_size(const uint8_t *tree, size_t at, size_t end)
{
	size_t left = end - at, size = sizeof(fdt32_t);

	if (left < size)
		return 0;
	switch (fdt32_ld((const fdt32_t *)(tree + at))) {
	case FDT_BEGIN_NODE:
		size = string_end(tree, at + size, end) - at;
		break;
	case FDT_PROP:
		size = sizeof(struct fdt_property);
		if (left < size)
			return 0;
		size +=
		    fdt32_ld(&((const struct fdt_property *)(tree + at))->len);
		break;
	case FDT_END_NODE:
	case FDT_NOP:
	case FDT_END:
		break;
	default:
		return 0;
	}
	size = (size + 3) & ~(size_t)3;
	return size <= left ? size : 0;
}

/*
 * Do the structure's tokens follow one another to its end, and nest? If not,
 * *where is the byte of the first that does not. libfdt is not asked before
 * that: up to 1.6.1 a property that says it has close to 4 GiB leads it back
 * to where it was, for ever.
 */
static bool tokens_fit(const uint8_t *tree, uint64_t *where)
{
	size_t at = fdt_off_dt_struct(tree);
	size_t end = at + fdt_size_dt_struct(tree);
	unsigned depth = 0;
	uint32_t token;

	do {
		size_t size = token_size(tree, at, end);

		*where = at;
		if (!size)
			return false;
		token = fdt32_ld((const fdt32_t *)(tree + at));
		if ((token == FDT_END_NODE || token == FDT_END) &&
		    !depth != (token == FDT_END))
			return false;
		depth += token == FDT_BEGIN_NODE;
		depth -= token == FDT_END_NODE;
		at += size;
	} while (token != FDT_END);
	return true;
}

static enum hvo_firmware_error check(const void *tree, size_t bytes,
				     uint64_t *where)
{
	*where = 0;
	if ((uintptr_t)tree % 8)
		return HVO_FIRMWARE_ALIGN;
	*where = bytes;
	if (bytes < sizeof(struct fdt_header))
		return HVO_FIRMWARE_TRUNCATED;
	*where = 0;
	if (fdt_magic(tree) != FDT_MAGIC)
		return HVO_FIRMWARE_MAGIC;
	*where = offsetof(struct fdt_header, version);
	if (fdt_version(tree) < VERSION ||
	    fdt_last_comp_version(tree) > VERSION)
		return HVO_FIRMWARE_VERSION;
	*where = bytes;
	if (fdt_totalsize(tree) > bytes)
		return HVO_FIRMWARE_TRUNCATED;
	*where = 0;
	if (fdt_check_header(tree))
		return HVO_FIRMWARE_TREE;
	*where = fdt_off_mem_rsvmap(tree);
	if (fdt_num_mem_rsv(tree) < 0)
		return HVO_FIRMWARE_TREE;
	if (!tokens_fit(tree, where))
		return HVO_FIRMWARE_TREE;
	*where = fdt_off_dt_struct(tree);
	if (fdt_check_full(tree, bytes))
		return HVO_FIRMWARE_TREE;
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_fdt_open(const void *tree, size_t bytes,
				     struct hvo_fdt *fdt,
				     struct hvo_firmware_fault *fault)
{
	uint64_t where;
	enum hvo_firmware_error error = check(tree, bytes, &where);

	if (error)
		return hvo_fault_at_byte(fault, error, NAME, where);
	fdt->tree = tree;
	return HVO_FIRMWARE_OK;
}

/* ---- faults ------------------------------------------------------------- */

enum hvo_firmware_error hvo_fdt_bad_node(const struct hvo_fdt *fdt, int node,
					 enum hvo_firmware_error error,
					 struct hvo_firmware_fault *fault)
{
	return hvo_fault_at_byte(fault, error, NAME,
				 (uint64_t)fdt_off_dt_struct(fdt->tree) +
				     (unsigned)node);
}

enum hvo_firmware_error hvo_fdt_bad_property(
    const struct hvo_fdt *fdt, const struct hvo_fdt_property *property,
    size_t at, enum hvo_firmware_error error, struct hvo_firmware_fault *fault)
{
	size_t byte = property->bytes - (const uint8_t *)fdt->tree;

	return hvo_fault_at_byte(fault, error, NAME, byte + at);
}

/* ---- properties --------------------------------------------------------- */

struct hvo_fdt_property hvo_fdt_property(const struct hvo_fdt *fdt, int node,
					 const char *name)
{
	int size;
	const void *bytes = fdt_getprop(fdt->tree, node, name, &size);

	return (struct hvo_fdt_property){
	    .bytes = bytes,
	    .size = bytes ? (size_t)size : 0,
	};
}

/* Whether the string that begins at byte `at` is word; *at goes behind it. */
static bool string_is(const struct hvo_fdt_property *property, size_t *at,
		      const char *word)
{
	bool same = true;
	char c;

	do {
		if (*at == property->size)
			return false; /* no NUL */
		c = (char)property->bytes[(*at)++];
		if (same && *word++ != c)
			same = false;
	} while (c);
	return same;
}

bool hvo_fdt_lists(const struct hvo_fdt_property *property, const char *word)
{
	size_t at = 0;

	while (at < property->size)
		if (string_is(property, &at, word))
			return true;
	return false;
}

int hvo_fdt_child_of_root(const struct hvo_fdt *fdt, const char *name)
{
	return fdt_subnode_offset(fdt->tree, 0, name);
}

enum hvo_fdt_status hvo_fdt_status(const struct hvo_fdt *fdt, int node)
{
	struct hvo_fdt_property status = hvo_fdt_property(fdt, node, "status");

	if (!status.bytes || hvo_fdt_lists(&status, "okay") ||
	    hvo_fdt_lists(&status, "ok"))
		return HVO_FDT_OKAY;
	return hvo_fdt_lists(&status, "disabled") ? HVO_FDT_DISABLED
						  : HVO_FDT_FAILED;
}

uint64_t hvo_fdt_number(const uint8_t *bytes, unsigned cells)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < 4 * cells; i++)
		number = number << 8 | bytes[i];
	return number;
}

enum hvo_firmware_error hvo_fdt_cells(const struct hvo_fdt *fdt, int node,
				      struct hvo_fdt_cells *cells,
				      struct hvo_firmware_fault *fault)
{
	int address = fdt_address_cells(fdt->tree, node);
	int size = fdt_size_cells(fdt->tree, node);

	if (address < 1 || address > 2 || size < 0 || size > 2)
		return hvo_fdt_bad_node(fdt, node, HVO_FIRMWARE_CELLS, fault);
	cells->address = (unsigned)address;
	cells->size = (unsigned)size;
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_fdt_node_id(const struct hvo_fdt *fdt, int node,
					const struct hvo_nodes *nodes,
					uint32_t *id,
					struct hvo_firmware_fault *fault)
{
	struct hvo_fdt_property property =
	    hvo_fdt_property(fdt, node, "numa-node-id");

	*id = HVO_NO_NODE;
	if (!property.bytes || !nodes)
		return HVO_FIRMWARE_OK;
	if (property.size != 4)
		return hvo_fdt_bad_property(fdt, &property, 0,
					    HVO_FIRMWARE_PROPERTY, fault);
	*id = hvo_node_of(nodes, (uint32_t)hvo_fdt_number(property.bytes, 1));
	return HVO_FIRMWARE_OK;
}

/* ---- /chosen ------------------------------------------------------------ */

/* Leaves *string as it is when there is no such property. */
static enum hvo_firmware_error get_string(const struct hvo_fdt *fdt, int node,
					  const char *name, const char **string,
					  struct hvo_firmware_fault *fault)
{
	struct hvo_fdt_property property = hvo_fdt_property(fdt, node, name);

	if (!property.bytes)
		return HVO_FIRMWARE_OK;
	if (!property.size || property.bytes[property.size - 1])
		return hvo_fdt_bad_property(fdt, &property, 0,
					    HVO_FIRMWARE_PROPERTY, fault);
	*string = (const char *)property.bytes;
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_fdt_chosen(const struct hvo_fdt *fdt,
				       struct hvo_fdt_chosen *chosen,
				       struct hvo_firmware_fault *fault)
{
	int node = hvo_fdt_child_of_root(fdt, "chosen");
	enum hvo_firmware_error error;

	*chosen = (struct hvo_fdt_chosen){0};
	if (node < 0)
		return HVO_FIRMWARE_OK;
	error = get_string(fdt, node, "bootargs", &chosen->bootargs, fault);
	if (error)
		return error;
	return get_string(fdt, node, "stdout-path", &chosen->stdout_path,
			  fault);
}
