import { cleanupRoutes } from './pages/cleanup.ts';
import { consumerRoutes } from './pages/consumer.ts';
import { consumerActionRoutes } from './pages/consumer-actions.ts';
import { consumerReplayRoutes } from './pages/consumer-replay.ts';
import { consumersRoutes } from './pages/consumers.ts';
import { deadLetterActionRoutes } from './pages/dead-letter-actions.ts';
import { deadLettersRoutes } from './pages/dead-letters.ts';
import { notificationRoutes } from './pages/notification.ts';
import { notificationReplayRoutes } from './pages/notification-replay.ts';
import { notificationTimelineRoutes } from './pages/notification-timeline.ts';
import { notificationsRoutes } from './pages/notifications.ts';
import { overviewRoutes } from './pages/overview.ts';
import { sendRoutes } from './pages/send.ts';
import { statisticsRoutes } from './pages/statistics.ts';
import type { Route } from './route.ts';

/** All pages and actions; where two paths fit a request, the first does. */
export const ROUTES: readonly Route[] = [
  ...overviewRoutes,
  ...consumersRoutes,
  ...consumerRoutes,
  ...consumerActionRoutes,
  ...consumerReplayRoutes,
  ...deadLettersRoutes,
  ...deadLetterActionRoutes,
  ...notificationsRoutes,
  ...notificationReplayRoutes,
  ...notificationRoutes,
  ...notificationTimelineRoutes,
  ...statisticsRoutes,
  ...sendRoutes,
  ...cleanupRoutes,
];
