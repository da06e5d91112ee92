import { defineConsumer } from 'pgwatch';
import { Recording } from '../recording.ts';

const recording = new Recording('fast');

/** Does nothing but record. */
export default defineConsumer({
  id: 'fast',
  channels: ['items', 'bulk', 'events'],
  handle(notification) {
    recording.add(notification);
  },
});
