/**
 * Prevalence on the files of one machine: no database, no network.
 *
 * @module
 */
export type { FileSystem, OpenFile } from './file-system.js';
