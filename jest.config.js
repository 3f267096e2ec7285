/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/spec/support/environment.mjs',
  roots: ['<rootDir>/spec'],
  testMatch: ['**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/spec/faults/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testTimeout: 30_000,
  // Two cores, two workers; one that has grown is replaced: what specs leave behind in its module registries is never freed.
  maxWorkers: 2,
  workerIdleMemoryLimit: '500MB',
  globalSetup: '<rootDir>/spec/support/global-setup.mjs',
  globalTeardown: '<rootDir>/spec/support/global-teardown.mjs',
  setupFiles: ['<rootDir>/spec/support/stack-depth.mjs', '<rootDir>/spec/support/async-storages.mjs'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
};
