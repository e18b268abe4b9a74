/* SPDX-License-Identifier: MIT */
/* For tests that are about the model port only. */
#ifndef ENGINE_MODEL_H
#define ENGINE_MODEL_H

#include "engine.h"
#include "hvo_model.h"

#define ENGINE_CPUS 3

struct hvo_model *engine_model(struct engine *e);

#endif
