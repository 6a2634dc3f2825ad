"""JUnit XML: what continuous integration shows of a check."""

import re
import xml.etree.ElementTree as ET

from agentmesh.mesh.check_report import DIFFERS, UNCHECKED, CheckReport

_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML can't carry, not even as a reference."""


def junit(report: CheckReport) -> str:
    """Return a report as JUnit XML: a test case for each run."""
    seconds = sum(one.seconds for one in report.runs)
    suite = ET.Element(
        "testsuite",
        name="agentmesh check",
        tests=str(len(report.runs)),
        failures=str(report.count(DIFFERS)),
        errors=str(report.count(UNCHECKED)),
        skipped="0",
        time=f"{seconds:.3f}",
    )
    for one in report.runs:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_fit(one.workflow or "agentmesh"),
            name=_fit(one.run),
            time=f"{one.seconds:.3f}",
        )
        if one.status == DIFFERS:
            said = _fit(f"{one.event}: {one.why}")
            kind = str(one.first.get("cause", ""))
            ET.SubElement(case, "failure", message=said, type=kind).text = _fit(one.report)
        elif one.status == UNCHECKED:
            wrong = ET.SubElement(case, "error", message=_fit(one.why), type=UNCHECKED)
            wrong.text = _fit(one.report)
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _fit(text: str) -> str:
    return _UNFIT.sub("\ufffd", text)
