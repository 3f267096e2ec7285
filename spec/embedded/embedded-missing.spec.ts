// Goal: without dynalite the error says what to install. Method: its module is replaced by one that cannot be loaded.
import { expect, it, jest } from '@jest/globals';

it('says what to install when dynalite is missing', async () => {
  jest.unstable_mockModule('dynalite', () => {
    throw Object.assign(new Error("Cannot find package 'dynalite'"), { code: 'ERR_MODULE_NOT_FOUND' });
  });
  const { startEmbedded } = await import('../../lib/embedded/index.js');
  await expect(startEmbedded()).rejects.toMatchObject({
    code: 'ERR_EMBEDDED',
    reason: 'missing',
    retryable: false,
    message: expect.stringContaining('npm install dynalite'),
  });
});
