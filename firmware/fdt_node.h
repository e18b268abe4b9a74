/* SPDX-License-Identifier: MIT */
/*
 * Properties of a device tree's nodes, with faults that say where they are.
 * A node is libfdt's offset of it.
 */
#ifndef HVO_FIRMWARE_FDT_NODE_H
#define HVO_FIRMWARE_FDT_NODE_H

#include "hvo/firmware.h"

struct hvo_fdt_property {
	const uint8_t *bytes; /* NULL: there is no such property */
	size_t size;
};

enum hvo_fdt_status {
	HVO_FDT_OKAY,     /* also when nothing is said */
	HVO_FDT_DISABLED, /* "disabled" */
	HVO_FDT_FAILED,   /* anything else */
};

/* Report an error in a node. */
enum hvo_firmware_error hvo_fdt_bad_node(const struct hvo_fdt *fdt, int node,
					 enum hvo_firmware_error error,
					 struct hvo_firmware_fault *fault);

/* Report an error in a property that is there, or in byte `at` of it. */
enum hvo_firmware_error hvo_fdt_bad_property(
    const struct hvo_fdt *fdt, const struct hvo_fdt_property *property,
    size_t at, enum hvo_firmware_error error, struct hvo_firmware_fault *fault);

struct hvo_fdt_property hvo_fdt_property(const struct hvo_fdt *fdt, int node,
					 const char *name);

/* Whether one of the strings in a property is word. */
bool hvo_fdt_lists(const struct hvo_fdt_property *property, const char *word);

/* A child of the root by name, or a negative number. */
int hvo_fdt_child_of_root(const struct hvo_fdt *fdt, const char *name);

enum hvo_fdt_status hvo_fdt_status(const struct hvo_fdt *fdt, int node);

/* cells (1 or 2) big-endian words. */
uint64_t hvo_fdt_number(const uint8_t *bytes, unsigned cells);

/* How addresses and sizes are written in the children of a node. */
struct hvo_fdt_cells {
	unsigned address; /* words, 1 or 2 */
	unsigned size;    /* words, 0 to 2 */
};

/* Errors: CELLS. */
enum hvo_firmware_error hvo_fdt_cells(const struct hvo_fdt *fdt, int node,
				      struct hvo_fdt_cells *cells,
				      struct hvo_firmware_fault *fault);

/* The node that numa-node-id says, by nodes; else HVO_NO_NODE. Errors:
 * PROPERTY. */
enum hvo_firmware_error hvo_fdt_node_id(const struct hvo_fdt *fdt, int node,
					const struct hvo_nodes *nodes,
					uint32_t *id,
					struct hvo_firmware_fault *fault);

#endif
