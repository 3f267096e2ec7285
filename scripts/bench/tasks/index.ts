/** All that a worker process can be asked for, by name. */
import * as atoms from './atoms.js';
import * as baselines from './baselines.js';
import { weigh } from './memory.js';
import { setup } from './setup.js';

export type Tasks = typeof atoms & typeof baselines & { setup: typeof setup; weigh: typeof weigh };

export const tasks: Tasks = { ...atoms, ...baselines, setup, weigh };
