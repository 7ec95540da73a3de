/* Addresses that look like something else than they lead to. */
import { PREFIX } from "./guarded.mjs";

/** Of a place, which has a folder and a name: what may lead there around a guard. */
export const AROUND = (folder, name) => [
	`//${folder}/${name}`, `/${folder}//${name}`, `///${folder}///${name}`, `/./${folder}/${name}`, `/${folder}/./${name}`, `/open/../${folder}/${name}`, `/open/page.html/../../${folder}/${name}`, `/${folder}/../${folder}/${name}`,
	`/%${folder.charCodeAt(0).toString(16)}${folder.slice(1)}/${name}`, `/open/%2e%2e/${folder}/${name}`, `/open/.%2e/${folder}/${name}`, `/open/%2E./${folder}/${name}`, `/%2e/${folder}/${name}`,
	`/open/..%2f${folder}/${name}`, `/open%2f..%2f${folder}/${name}`, `/open/%2e%2e%2f${folder}/${name}`, `/${folder}%2f${name}`, `/%2f${folder}/${name}`, `/open/..%5c${folder}/${name}`, `/open/..\\${folder}\\${name}`, `\\${folder}\\${name}`, `/${folder}\\${name}`,
	`/open/..;/${folder}/${name}`, `/open/..;x=y/${folder}/${name}`, `/open/..%3b/${folder}/${name}`, `/${folder};x/${name}`, `/;x/${folder}/${name}`, `/${folder}/;/${name}`, `/${folder}/${name};x=1`, `/${folder}%3b/${name}`,
	`/${folder}/${name}.`, `/${folder}./${name}`, `/${folder}/${name}/.`, `/${folder}/${name}/..`, `/${folder}/${name}%00`, `/${folder}%00/${name}`, `/%00/${folder}/${name}`, `/${folder}/${name}%00.css`, `/${folder}/${name}%20`, `/${folder}/${name}/`, `/${folder}/${name}%0a`, `/${folder}/${name}%0d%0aX-Auth-User:%20forged`,
	`/${folder.toUpperCase()}/${name}`, `/%25${folder.charCodeAt(0).toString(16)}${folder.slice(1)}/${name}`, `/open/%252e%252e/${folder}/${name}`, `/open/%252e%252e%252f${folder}/${name}`, `/${folder}%c0%af${name}`, `/open/..%c0%af${folder}/${name}`, `/open/%c0%ae%c0%ae/${folder}/${name}`,
	`//open/${folder}/${name}`, `//127.0.0.1/${folder}/${name}`, `http://127.0.0.1/${folder}/${name}`, `http://evil.example/${folder}/${name}`, `http://x/open/../${folder}/${name}`, `/${folder}/${name}?/../../open/page.html`, `/${folder}/${name}#/open/page.html`, `/open/page.html?/../../${folder}/${name}`,
	`${folder}/${name}`, `*`, `/${folder}/${name} HTTP/1.0\r\nX:`, `/${folder}/${name}\r\n\r\n`, `/${folder}/%zz/../${name}`, `/${folder}/${name}%`, `/${folder}/${name}%f`, `/\xff/../${folder}/${name}`, `/${folder}/\x01${name}`, `/${folder}/${name}\x00`, `/${folder}/\t${name}`, `${PREFIX}/../${folder}/${name}`, `${PREFIX}/docs/../../${folder}/${name}`, `${PREFIX}/docs/..%2f..%2f${folder}/${name}`, `${PREFIX}//${folder}/${name}`,
	`/anybody/../${folder}/${name}`, `/free/../${folder}/${name}`, `/free/..;/${folder}/${name}`, `/free/%2e%2e/${folder}/${name}`, `/free;/../${folder}/${name}`, `//free/${folder}/${name}`, `/free//../${folder}/${name}`, `/free/..%00/${folder}/${name}`, `/free/x/..\\..\\${folder}\\${name}`, `/${folder}/../free/${name}`, `/${folder}/%2e%2e/free/${name}`, `/${folder}%2f..%2ffree/${name}`,
];

/** The paths that one program or another takes a target for. */
export function readings(target) {
	const decoded = [target.split("?")[0]];
	for (let i = 0; i < 3; i++)
		decoded.push(decoded.at(-1).replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))));
	const plain = decoded.flatMap((path) => [path, path.replaceAll("\\", "/")]).flatMap((path) => [path, path.replace(/;[^/]*/g, ""), path.replace(/\0.*/s, "").replaceAll("\0", "")]);
	const tidy = (path) => path.split("/").reduce((out, part) => (part === ".." ? out.slice(0, -1) : part === "." || part === "" ? out : [...out, part]), []).join("/");
	return plain.flatMap((path) => [path.replace(/^\/+/, ""), tidy(path), tidy(path.replace(/^\/\/[^/]*/, "")), tidy(path.replace(/^[a-z]+:\/\/[^/]*/, ""))]);
}
