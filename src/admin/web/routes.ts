import { overviewRoutes } from './pages/overview.ts';
import type { Route } from './route.ts';

/** All pages and actions; where two paths fit a request, the first does. */
export const ROUTES: readonly Route[] = [...overviewRoutes];
