"""A person at a browser: goes, fills in, presses, and looks at every page with a critical eye."""

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, expect

AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
SERIOUS = {"serious", "critical"}
SIZES = {"wide": (1280, 900), "phone": (360, 780)}
SCHEMES = ("light", "dark")
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Visitor:
    """`complaints` collects console errors, failed scripts and requests that leave the platform."""

    def __init__(self, page: Page, ours: list[str], shots: Path) -> None:
        self.page, self.shots = page, shots
        self.ours = {urlsplit(url).netloc for url in ours}
        self.complaints: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self._on_request)
        shots.mkdir(exist_ok=True)

    def sign_up(self, organisation: str, email: str, password: str) -> None:
        self.page.goto("/")
        self.page.get_by_role("link", name="Make an account").click()
        self.page.get_by_label("Organisation").fill(organisation)
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("main").get_by_role("button", name="Sign up").click()
        expect(self.page.get_by_role("button", name=organisation)).to_be_visible()

    def upload(self, name: str, content: str) -> None:
        """A dataset, by the file chooser; the visitor ends on its page."""
        self.page.goto("/datasets/new/")
        file = {
            "name": f"{name}.jsonl",
            "mimeType": "application/jsonl",
            "buffer": content.encode(),
        }
        self.page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_role("main").get_by_role("button", name="Upload").click()

    def choose(self, label: str, words: str) -> None:
        """In a list that is searched by typing, by keyboard alone."""
        box = self.page.get_by_role("combobox", name=label, exact=True)
        box = box.and_(self.page.locator("input"))  # the select behind it is there first
        box.fill(words)
        box.press("ArrowDown")
        box.press("Enter")

    def finished(self, state: str = "succeeded", seconds: float = 240) -> None:
        """Waits on a job's page, without reloading, until its badge says so."""
        badge = self.page.locator(f"#job-head .badge[data-state={state}]")
        expect(badge).to_be_visible(timeout=1000 * seconds)

    def look(self, name: str) -> None:
        """Wide and on a phone, by day and by night: a screenshot, and axe has nothing serious."""
        for size, (width, height) in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                self.page.evaluate(PAINTED)
                self.page.screenshot(
                    path=self.shots / f"{name}-{size}-{scheme}.png", full_page=True
                )
                faults = self._faults()
                assert not faults, "\n".join([f"{name}, {size}, {scheme}", *faults])
            overflow = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{name} is {overflow} px too wide for {width} px"
        wide, high = SIZES["wide"]
        self.page.set_viewport_size({"width": wide, "height": high})

    def _faults(self) -> list[str]:
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run().then(found => found.violations)")
        return [
            f"{fault['id']}: {node['html'][:200]}"
            for fault in found
            if fault["impact"] in SERIOUS
            for node in fault["nodes"]
        ]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc not in self.ours:
            self.complaints.append(f"request to {request.url}")
