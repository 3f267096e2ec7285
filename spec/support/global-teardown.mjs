/** Ends what `global-setup.mjs` began. */
export default async function globalTeardown() {
  await globalThis.leydenTestTeardown?.();
}
