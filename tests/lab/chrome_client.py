"""A GET that greets as Chrome does, by curl_cffi: `chrome_client.py h2|h3 4|6 URL`."""

import sys

from curl_cffi import CurlHttpVersion, CurlOpt, requests

# CURLOPT_IPRESOLVE: CURL_IPRESOLVE_V4 and _V6.
RESOLVE = {"4": 1, "6": 2}


def main():
    version, family, url = sys.argv[1:]
    response = requests.get(
        url,
        impersonate="chrome",
        verify=False,
        timeout=10,
        http_version=CurlHttpVersion.V3ONLY if version == "h3" else CurlHttpVersion.V2TLS,
        curl_options={CurlOpt.IPRESOLVE: RESOLVE[family]},
        stream=True,
    )
    print("status", response.status_code, flush=True)
    for chunk in response.iter_content():
        print("done", len(chunk), flush=True)
        break


if __name__ == "__main__":
    main()
