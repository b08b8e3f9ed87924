/** What one page alone needs. A module of its own, so that it comes after the design system. */

import.meta.glob("./pages/*.css", { eager: true });
