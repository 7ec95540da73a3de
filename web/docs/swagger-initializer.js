/*
 * Starts Swagger UI on the document beside this folder. Everything is relative to this page, so a mount prefix
 * works, and so does every name that the server answers to: requests go to where the page came from, not to the
 * public URL that the document names (the page's content security policy allows no other host).
 */
(async function () {
	"use strict";

	const mount = new URL("../", window.location.href);

	/* "/auth/login" and "auth/login" both mean a path below the mount. */
	const below = (path) => new URL(String(path).replace(/^(https?:\/\/[^/]+)?\//, ""), mount).href;

	function complain(why) {
		const line = document.createElement("p");
		line.textContent = "The API's description could not be read: " + why;
		document.getElementById("swagger-ui").append(line);
	}

	let spec;
	try {
		const answer = await fetch(new URL("openapi.json", mount), { headers: { Accept: "application/json" } });
		if (!answer.ok)
			return complain("openapi.json answered " + answer.status + ".");
		spec = await answer.json();
	} catch (error) {
		return complain(error.message);
	}

	const documented = spec.servers && spec.servers[0] ? new URL(spec.servers[0].url, mount).pathname : "/";
	spec.servers = [{ url: mount.href.replace(/\/$/, "") }];
	for (const scheme of Object.values((spec.components && spec.components.securitySchemes) || {})) {
		for (const flow of Object.values(scheme.flows || {})) {
			for (const key of ["tokenUrl", "refreshUrl", "authorizationUrl"]) {
				if (!flow[key])
					continue;
				/* An absolute one may carry the documented mount already. */
				let path = new URL(flow[key], mount).pathname;
				if (documented !== "/" && path.startsWith(documented.replace(/\/?$/, "/")))
					path = path.slice(documented.replace(/\/$/, "").length);
				else if (path.startsWith(mount.pathname))
					path = path.slice(mount.pathname.length - 1);
				flow[key] = below(path);
			}
		}
	}
	if (spec.info && spec.info.title)
		document.title = spec.info.title;

	window.ui = window.SwaggerUIBundle({
		spec,
		dom_id: "#swagger-ui",
		deepLinking: true,
		displayRequestDuration: true,
		tryItOutEnabled: true,
		validatorUrl: null,
		/* The password form sends an empty client as HTTP Basic; latch has no clients, and a login needs none. */
		requestInterceptor(request) {
			if (request.headers && request.headers.Authorization === "Basic " + btoa(":"))
				delete request.headers.Authorization;
			return request;
		},
		presets: [window.SwaggerUIBundle.presets.apis],
		layout: "BaseLayout",
	});
})();
