import { expect, it } from 'vitest';
import { PendingWake } from '../../src/wake/pending-wake.ts';
import { WakeRouter } from '../../src/wake/wake-router.ts';

const NEVER = new AbortController().signal;

/** A router with somebody waiting for each of these lists of channels. */
function routerFor(...wanted: readonly (readonly string[])[]) {
  const router = new WakeRouter();
  const wakes = wanted.map((channels) => {
    const wake = new PendingWake();
    router.add(wake, channels);
    return wake;
  });
  const woken = () =>
    Promise.all(wakes.map(async (wake) => (await wake.wait(0, NEVER)) === 'woken'));
  return { router, wakes, woken };
}

it('wakes those who wait for the channel, and nobody else', async () => {
  const { router, woken } = routerFor(['a'], ['b'], ['b', 'c'], []);
  router.ring(['b']);
  expect(await woken()).toEqual([false, true, true, false]);
});

it('wakes for any of the channels that are rung', async () => {
  const { router, woken } = routerFor(['a'], ['b'], ['d']);
  router.ring(['a', 'b', 'c']);
  expect(await woken()).toEqual([true, true, false]);
});

it('wakes everybody when nobody knows which channels', async () => {
  const { router, woken } = routerFor(['a'], ['b']);
  router.ring('all');
  expect(await woken()).toEqual([true, true]);
});

it('wakes nobody for no channel', async () => {
  const { router, woken } = routerFor(['a'], ['']);
  router.ring([]);
  expect(await woken()).toEqual([false, false]);
});

it('takes a channel called "all" for a channel', async () => {
  const { router, woken } = routerFor(['all'], ['a']);
  router.ring(['all']);
  expect(await woken()).toEqual([true, false]);
});

it('wakes nobody who has been removed', async () => {
  const { router, wakes, woken } = routerFor(['a'], ['a']);
  const [first] = wakes;
  if (first !== undefined) router.remove(first);
  router.ring(['a']);
  router.ring('all');
  expect(await woken()).toEqual([false, true]);
});
