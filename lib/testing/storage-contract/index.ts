/** The contract of storages; see its README. */
export { type StorageFact, storageContract } from './storage-contract.js';
export type { StorageFactory, TestedStore } from './storage-factory.js';
