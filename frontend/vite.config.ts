/** Builds src/app.ts, its styles and its islands into dist/, which Django serves as /static/. */

import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/static/",
  build: {
    // Names are hashed; the template tag `assets` finds them in the manifest.
    manifest: "assets.json",
    rolldownOptions: {
      input: "src/app.ts",
      checks: { eval: false }, // htmx holds one, which app.ts switches off
    },
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: ["chrome123", "firefox128", "safari17.5"],
  },
  test: { include: ["src/**/*.test.ts"] },
});
