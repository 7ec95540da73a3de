/*
 * Signs a person in with the session cookie, and leads back to the page that asked for it.
 *
 * Everything is relative to this page, so a mount prefix works, and so does every name that the server answers to. Where
 * return_to may lead the server says (GET /auth/return-to); this page only refuses what is no http or https. Whoever is signed
 * in already is led on at once, but not for ever: a page that sends people straight back here is not tried again.
 */
(function () {
	"use strict";

	const ANSWER_MS = 30000, LOOK_MS = 5000, SLOW_MS = 4000, LOOP_MS = 30000, LOOP_MOST = 3, SHOWN_MOST = 80;
	const TRAIL = "latch-led-on";

	const mount = new URL("../", window.location.href);
	const wanted = new URLSearchParams(window.location.search).get("return_to") || "";
	const at = (id) => document.getElementById(id);
	const form = at("form"), fields = at("fields"), name = at("name"), password = at("password"), button = at("button");

	let target = null; /* a URL, or nowhere */
	let busy = false, countdown = 0;

	/* ---- Asking latch ---------------------------------------------------------------------------------------------- */

	/* {status, body, retry}: status 0 when there was no answer, body {} when it is no JSON, retry in seconds or 0. */
	async function ask(method, path, sent, limit) {
		const control = new AbortController();
		const timer = setTimeout(() => control.abort(), limit);
		try {
			const answer = await fetch(new URL(path, mount), {
				method, credentials: "same-origin", cache: "no-store", redirect: "error", signal: control.signal,
				headers: Object.assign({ Accept: "application/json" }, sent && { "Content-Type": "application/json" }),
				body: sent && JSON.stringify(sent),
			});
			const text = await answer.text();
			let body = {};
			try {
				body = JSON.parse(text) || {};
			} catch (error) {
				/* A web server's own page, or nothing: the status says enough. */
			}
			const retry = Number(answer.headers.get("Retry-After"));
			return { status: answer.status, body, retry: retry > 0 ? Math.ceil(retry) : 0 };
		} catch (error) {
			return { status: 0, body: {}, retry: 0 };
		} finally {
			clearTimeout(timer);
		}
	}

	const me = async () => {
		const answer = await ask("GET", "users/me", null, LOOK_MS);
		return answer.status === 200 ? answer.body : null;
	};

	/* Where to go on to: what was asked for, where the server says so. Its other answer, its own address, is nowhere to go. */
	async function returnTo() {
		if (!wanted)
			return null;
		const answer = await ask("GET", "auth/return-to?url=" + encodeURIComponent(wanted), null, LOOK_MS);
		if (answer.status !== 200 || typeof answer.body.url !== "string")
			return null;
		try {
			const url = new URL(answer.body.url);
			const same = url.href === new URL(wanted, url.origin).href;
			return /^https?:$/.test(url.protocol) && (same || url.href !== mount.href) ? url : null;
		} catch (error) {
			return null;
		}
	}

	/* ---- What is shown --------------------------------------------------------------------------------------------- */

	function say(text) {
		at("message").textContent = text;
	}

	function doing(text) {
		at("doing").textContent = text;
	}

	function set(element, attribute, value) {
		if (value === null)
			element.removeAttribute(attribute);
		else
			element.setAttribute(attribute, value);
	}

	function wrong(inputs) {
		for (const input of [name, password])
			set(input, "aria-invalid", inputs.includes(input) ? "true" : null);
	}

	/* The button keeps the focus, which a disabled one would lose. */
	function lock() {
		const locked = busy || countdown > 0;
		set(button, "aria-disabled", locked ? "true" : null);
		set(form, "aria-busy", busy ? "true" : null);
		name.readOnly = password.readOnly = busy;
		button.classList.toggle("busy", busy);
	}

	function duration(seconds) {
		const minutes = Math.floor(seconds / 60), rest = seconds % 60;
		const words = (n, unit) => n + " " + unit + (n === 1 ? "" : "s");
		if (minutes === 0)
			return words(rest, "second");
		return words(minutes, "minute") + (rest > 0 ? " " + words(rest, "second") : "");
	}

	/* Not read aloud each second: only the message at its beginning and its end are. */
	function wait(seconds) {
		const end = Date.now() + seconds * 1000;
		const timer = setInterval(tick, 250);
		tick();

		function tick() {
			countdown = Math.max(0, Math.ceil((end - Date.now()) / 1000));
			at("wait").textContent = countdown > 0 ? "You can try again in " + duration(countdown) + "." : "";
			at("wait").hidden = countdown === 0;
			lock();
			if (countdown > 0)
				return;
			clearInterval(timer);
			say("");
			doing("You can try again now.");
		}
	}

	function showForm() {
		at("signed-in").hidden = true;
		form.hidden = false;
		fields.disabled = false;
		(name.value ? password : name).focus();
	}

	/* ---- Going on -------------------------------------------------------------------------------------------------- */

	/* The last few times that this tab was led on: [{url, at}]; null where the browser keeps nothing. */
	function trail() {
		try {
			const list = JSON.parse(window.sessionStorage.getItem(TRAIL)) || [];
			return list.filter((one) => Date.now() - one.at < LOOP_MS);
		} catch (error) {
			return null;
		}
	}

	function goesRound(list) {
		return list === null || list.length >= LOOP_MOST || list.some((one) => one.url === target.href);
	}

	function goOn() {
		try {
			window.sessionStorage.setItem(TRAIL, JSON.stringify((trail() || []).concat({ url: target.href, at: Date.now() })));
		} catch (error) {
			/* Then nobody is led on without a click: see goesRound. */
		}
		doing("You are signed in. Going on\u2026");
		window.location.replace(target.href);
	}

	function showSignedIn(user, looped) {
		form.hidden = true;
		at("signed-in").hidden = false;
		at("go").hidden = target === null;
		at("where").hidden = at("where").hidden || !looped;
		if (target !== null)
			at("go").href = target.href;
		doing("You are signed in as " + (user.username || user.email) + ".");
		if (looped)
			say("That page has just sent you back here. Either the browser keeps no cookies for it, or it does not ask this server who is signed in.");
		else if (wanted && target === null)
			say("Where you came from is not a page of this site, so you are not led there.");
		(target !== null ? at("go") : at("other")).focus();
	}

	/* ---- Signing in ------------------------------------------------------------------------------------------------ */

	/* What went wrong, for a person. */
	function explain(answer) {
		const { status, body } = answer;
		if (status === 0)
			return "The server does not answer. Look whether you are online, and try again.";
		if (Array.isArray(body.errors) && body.errors.length > 0)
			return body.errors.map((error) => error.field + " " + error.detail).join("; ");
		if (typeof body.detail === "string" && body.detail && status !== 429)
			return body.detail;
		if (status === 429)
			return "There were too many attempts.";
		return status === 503 ? "The service is not available just now." : "That did not work (" + status + ").";
	}

	function refused(answer) {
		say(explain(answer));
		wrong(answer.status === 401 ? [name, password] : []);
		if (answer.status === 429 || answer.status === 503)
			wait(answer.retry || 1);
		if (answer.status !== 401)
			return;
		password.focus();
		password.select();
	}

	async function accepted() {
		const user = await me();
		if (user === null)
			return say("The password is right, but the browser has not kept the cookie that says so. Allow cookies for this site, and try again.");
		password.value = "";
		return target !== null ? goOn() : showSignedIn(user, false);
	}

	async function signIn() {
		const who = name.value.trim();
		const sent = { password: password.value, transport: "cookie" };
		sent[who.includes("@") ? "email" : "username"] = who;
		const slow = setTimeout(() => doing("Still checking: the server has much to do\u2026"), SLOW_MS);
		busy = true;
		lock();
		say("");
		wrong([]);
		doing("Checking the password\u2026");
		const answer = await ask("POST", "auth/login", sent, ANSWER_MS);
		clearTimeout(slow);
		doing("");
		if (answer.status === 200)
			await accepted();
		else
			refused(answer);
		busy = false;
		lock();
	}

	function hidePassword() {
		password.type = "password";
		at("show").textContent = "Show";
		set(at("show"), "aria-pressed", "false");
	}

	form.addEventListener("submit", (event) => {
		event.preventDefault();
		hidePassword(); /* a browser keeps what was typed into a field of plain text */
		if (!busy && countdown === 0)
			signIn();
	});

	at("show").addEventListener("click", () => {
		if (password.type !== "password")
			return hidePassword();
		password.type = "text";
		at("show").textContent = "Hide";
		return set(at("show"), "aria-pressed", "true");
	});

	for (const kind of ["keydown", "keyup", "mousedown"])
		password.addEventListener(kind, (event) => {
			at("caps").hidden = !(event.getModifierState && event.getModifierState("CapsLock"));
		});
	password.addEventListener("blur", () => (at("caps").hidden = true));

	/* A click means it: it is tried, however often that page has sent him back. */
	at("go").addEventListener("click", (event) => {
		event.preventDefault();
		goOn();
	});

	at("other").addEventListener("click", async () => {
		doing("Signing out\u2026");
		const answer = await ask("POST", "auth/logout", {}, ANSWER_MS);
		doing("");
		if (answer.status !== 204 && answer.status !== 401)
			return say(explain(answer));
		say("");
		return showForm();
	});

	/* Back on a page that the browser has kept as it was: who is signed in may be another matter now. */
	window.addEventListener("pageshow", (event) => {
		if (event.persisted)
			window.location.reload();
	});

	/* ---- The beginning --------------------------------------------------------------------------------------------- */

	async function begin() {
		const [to, user] = await Promise.all([returnTo(), me()]);
		target = to;
		if (target !== null) {
			const shown = target.host + target.pathname;
			at("target").textContent = shown.length > SHOWN_MOST ? shown.slice(0, SHOWN_MOST) + "\u2026" : shown;
			at("where").hidden = false;
		}
		if (user === null)
			return showForm();
		const looped = target !== null && goesRound(trail());
		return target !== null && !looped ? goOn() : showSignedIn(user, looped);
	}

	begin();
})();
