/*
 * What the tests take from npm. Asked for here, not by import, which fails before anything of ours runs: so that one line
 * says what to do.
 */
export async function npm(name) {
	try {
		return await import(name);
	} catch (error) {
		if (error.code !== "ERR_MODULE_NOT_FOUND")
			throw error;
		console.error(`the tests' packages are not installed (${name}): npm ci --ignore-scripts`);
		process.exit(2);
	}
}
