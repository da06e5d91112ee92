/** The pages that every page links to, in this order. */
export const NAVIGATION: readonly { readonly path: string; readonly title: string }[] = [
  { path: '/', title: 'Overview' },
  { path: '/consumers', title: 'Consumers' },
  { path: '/dead-letters', title: 'Dead letters' },
  { path: '/notifications', title: 'Notifications' },
  { path: '/statistics', title: 'Statistics' },
  { path: '/send', title: 'Send a test' },
  { path: '/cleanup', title: 'Clean-up' },
];
